// Package profiles is the contract between the gateway and the farm: what each
// bank is, what each channel is, and how they speak. Both programs read the
// same files; neither imports the other.
//
// The comments on the fields are the manual: unit, default and limit of each key.
package profiles

import (
	"strings"
	"time"

	"kaqiao/profiles/bins"
)

// Set is everything that was read, checked and linked. It is immutable: a
// reload builds another one.
type Set struct {
	Banks     []*Bank     // ordered by id
	Channels  []*Channel  // ordered by id
	Platforms []*Platform // ordered by id
	BINs      *bins.Table // the shipped table with the profiles' own prefixes laid over it

	banks     map[string]*Bank
	channels  map[string]*Channel
	platforms map[string]*Platform
}

// Bank returns the bank with this id, or nil.
func (s *Set) Bank(id string) *Bank { return s.banks[id] }

// Channel returns the channel with this id, or nil.
func (s *Set) Channel(id string) *Channel { return s.channels[id] }

// Platform returns the platform with this id, or nil.
func (s *Set) Platform(id string) *Platform { return s.platforms[id] }

// Text is a name or a sentence for people, in both languages.
type Text struct {
	ZH string `yaml:"zh" json:"zh"`
	EN string `yaml:"en" json:"en"`
}

// Bank is one file of banks/: a bank's numbers, its rules for people, its limits, and how it is reached.
type Bank struct {
	// ID is the bank's name in the API and in the farm: a to z, 0 to 9, -; at most 32. Required. It must equal the file's name.
	ID string `yaml:"id"`
	// Name is shown to people. Required in both languages, at most 120 bytes each.
	Name Text `yaml:"name"`
	// Tier is state, city or foreign. Required.
	Tier string `yaml:"tier"`
	// IssuerCodes are the bank's UnionPay issuer numbers, 8 digits each. At most 64.
	IssuerCodes []string `yaml:"issuer_codes"`
	// TableCodes are the codes under which the shipped card table knows the bank (ICBC, ABC…). At most 16.
	TableCodes []string `yaml:"table_codes"`
	// BINs are prefixes that are this bank's beside the shipped table, 3 to 10 digits each. At most 4,096.
	BINs []BIN `yaml:"bins"`
	// Routes are the channels in order of preference, 1 to 16.
	Routes []Route `yaml:"routes"`
	// Challenge says how the bank makes sure that it is the customer who binds.
	Challenge Challenge `yaml:"challenge"`
	// Accounts says which accounts may be bound.
	Accounts Accounts `yaml:"accounts"`
	// Client is what the bank demands of the wallet's client (M14).
	Client Client `yaml:"client"`
	// OldCardsQuickPass says whether the bank's cards from before the prefix 62, those on 9, may carry the QuickPass
	// mark (M20): never or unknown. Default never (inferred: the mark stands on chip cards, which are younger). What a
	// prefix of bins says for itself goes before it.
	OldCardsQuickPass string `yaml:"old_cards_quickpass"`
	// Money is what one customer may pay by agreement.
	Money Money `yaml:"money"`
	// Limits is what the gateway may ask of the bank, whatever the channel.
	Limits Limits `yaml:"limits"`
	// Breaker says when the bank is left alone, whatever the channel.
	Breaker Breaker `yaml:"breaker"`
	// Timeouts is how long the gateway waits for an answer of this bank. They stand before the channel's own.
	Timeouts Timeouts `yaml:"timeouts"`
	// Answers is what the tier promises for one answer of the bank; the load tester says whether it was met.
	Answers Promise `yaml:"answers"`
	// QuietHours advises people when the bank is less busy (M21). It gates nothing.
	QuietHours Hours `yaml:"quiet_hours"`
	// Closed are hours in which the bank takes no requests. At most 8.
	Closed []Hours `yaml:"closed"`
	// Codes are differences from the protocol's own table of raw codes. At most 512.
	Codes []CodeRule `yaml:"codes"`
	// Mock is how the farm plays this bank. The gateway never reads it.
	Mock BankMock `yaml:"mock"`
}

// ClosedAt returns the hours without requests that a moment lies in. They are zero where the bank is open.
func (b *Bank) ClosedAt(t time.Time) Hours {
	for _, h := range b.Closed {
		if h.Contain(t) {
			return h
		}
	}
	return Hours{}
}

// BIN is a prefix of the bank's own cards.
type BIN struct {
	// Prefix is 3 to 10 digits. Required.
	Prefix string `yaml:"prefix"`
	// Length is the number of digits of such a card, 13 to 19. Required.
	Length int `yaml:"length"`
	// Type is debit, credit, semi_credit, prepaid or virtual. Default debit.
	Type string `yaml:"type"`
	// Scheme is unionpay, visa, mastercard, jcb or amex. Default unionpay.
	Scheme string `yaml:"scheme"`
	// NoLuhn is true where cards of this prefix do not carry a Luhn digit. Default false.
	NoLuhn bool `yaml:"no_luhn"`
	// QuickPass says whether cards of this prefix carry the QuickPass mark (闪付): always, never or unknown (M20). What a
	// caller read off the card is compared with it. Default: never on another network than unionpay, whose mark it is;
	// else as old_cards_quickpass says.
	QuickPass string `yaml:"quickpass"`
	// NoOnlinePayment is true where cards of this prefix can't pay online over UnionPay: they can't be bound (M03). Default false.
	NoOnlinePayment bool `yaml:"no_online_payment"`
}

// Route is one way to a bank.
type Route struct {
	// Channel is the id of a file in channels/. Required where direct is not given. For a direct route it is the bank's own id.
	Channel string `yaml:"channel"`
	// Member is the bank's number on that channel, in the channel's own form (NetsUnion: C and 13 digits). Required.
	Member string `yaml:"member"`
	// Direct is a channel to this bank alone, written in place, with the keys of a file in channels/ but id and name, which are the bank's.
	Direct *Direct `yaml:"direct"`
}

// Direct is a channel written in its bank's file. Load fills in the bank's ID
// and Name and lists it among the set's channels.
type Direct Channel

// Challenge says how a bank makes sure that it is the customer who binds.
type Challenge struct {
	// Kinds are sms, app_push, email, phone, in the bank's order. At least one.
	Kinds []string `yaml:"kinds"`
	// CodeDigits is the length of a code, 4 to 8. Default 6.
	CodeDigits int `yaml:"code_digits"`
	// TTL is how long a code lives, 30s to 30m. Default 5m.
	TTL Duration `yaml:"ttl"`
	// ResendAfter is the pause before another code, 0s to 10m. Default 60s.
	ResendAfter Duration `yaml:"resend_after"`
	// Attempts is the wrong code that locks: with 3, the third one. 1 to 10. Default 3.
	Attempts int `yaml:"attempts"`
	// ApproveWithin is how long the bank's people, or the customer in the bank's own app, may take to approve: 1m to 168h. Default 15m.
	ApproveWithin Duration `yaml:"approve_within"`
	// SignsPerDay is how often a card may start a binding in a bank day. 1 to 1,000. Default 20.
	SignsPerDay int `yaml:"signs_per_day"`
}

// Accounts says which accounts may be bound.
type Accounts struct {
	// Classes are I, II, III. Default [I, II].
	Classes []string `yaml:"classes"`
	// PasswordFree says whether the bank opens small password-free payment with the agreement.
	PasswordFree PasswordFree `yaml:"password_free"`
}

// Client is the oldest client that a bank still serves (M14): some banks have an encryption of their own, which only
// newer clients carry. An older one is refused before the bank is asked.
type Client struct {
	// Least is the oldest version of the wallet, such as "8.0.0". A request without a version counts as too old. Empty: any.
	Least string `yaml:"least"`
	// Protocol is the oldest version of the bank's own protocol that a client may carry, such as "2.1". A request that
	// does not name one is judged by Least alone. Empty: any.
	Protocol string `yaml:"protocol"`
}

// PasswordFree is small payment without a password (M12).
type PasswordFree struct {
	// Supported is false by default.
	Supported bool `yaml:"supported"`
	// MaxFen is the highest limit a caller may set, in fen, 0 to 10,000,000. Required where supported.
	MaxFen int64 `yaml:"max_fen"`
}

// Money is what one customer may pay by agreement, in fen. 1 to 10^12 each.
type Money struct {
	SingleFen int64 `yaml:"single_fen"` // one payment. Required.
	DailyFen  int64 `yaml:"daily_fen"`  // one bank day. Default: single_fen.
}

// Limits is what the gateway may ask of one bank or channel. A request beyond is refused before anything is written.
type Limits struct {
	// PerSecond is requests a second, 1 to 1,000,000. Default 200.
	PerSecond int `yaml:"per_second"`
	// Burst is how many may come at once, 1 to 1,000,000. Default: per_second.
	Burst int `yaml:"burst"`
	// InFlight is requests under way at once, 1 to 100,000. Default 64.
	InFlight int `yaml:"in_flight"`
	// Queue is how many requests may wait for their turn at once, 0 to 10,000. Default: half of in_flight, at most 10,000.
	Queue int `yaml:"queue"`
	// Wait is how long a request may wait for its turn, 0s to 10s. One that can't have it in time is refused at once. Default 500ms.
	Wait Duration `yaml:"wait"`
	// Reserve is the part of in_flight and per_second that new work leaves free. One share: for query, confirm, cancel and unsign
	// together, 0% to 50%. By operation: see Reserve. Default 10%.
	Reserve *Reserve `yaml:"reserve"`
}

// Reserve is what is left free for operations that end or explain work that has begun: parts of in_flight and per_second,
// together 0% to 50%. What is left for one may be used by those above it: a query by none but queries, a confirm's by
// queries too, an unsigning's by both.
type Reserve struct {
	// Query is for queries and reversals, 0% to 50%. Default 0%.
	Query Share `yaml:"query"`
	// Confirm is for confirm and cancel, 0% to 50%. Default 0%.
	Confirm Share `yaml:"confirm"`
	// Unsign is for the ending of agreements, 0% to 50%. Default 0%.
	Unsign Share `yaml:"unsign"`

	together Share // one share for all
}

// Together makes a reserve that query, confirm, cancel and unsign have together.
func Together(s Share) Reserve { return Reserve{together: s} }

// All is what new work leaves free.
func (r Reserve) All() Share { return r.together + r.Query + r.Confirm + r.Unsign }

// UnmarshalText reads one share.
func (r *Reserve) UnmarshalText(b []byte) error { return r.together.UnmarshalText(b) }

// Breaker says when a bank is left alone. Each kind of operation (new work, confirm, unsign, query) has a breaker of its own.
// Refusals never count against a bank: it spoke.
type Breaker struct {
	// Window is the time that is looked back on, 1s to 10m. Default 10s.
	Window Duration `yaml:"window"`
	// MinCalls is how many answers and failures a share is drawn from at least, 1 to 10,000. Default 20.
	MinCalls int `yaml:"min_calls"`
	// FailureRate opens: the share that brought no answer, 1% to 100%. Default 50%.
	FailureRate Share `yaml:"failure_rate"`
	// SlowRate opens: the share that took longer than slow_after, 1% to 100%. Default 80%.
	SlowRate Share `yaml:"slow_rate"`
	// SlowAfter is when an answer is slow, 1ms to 10m. Default: answers.to.
	SlowAfter Duration `yaml:"slow_after"`
	// Consecutive failures open whatever their number in the window, 1 to 10,000. Default 20.
	Consecutive int `yaml:"consecutive"`
	// OpenFor is how long nothing is sent, MIN..MAX of 10ms to 1h: chance has it between MIN and twice MIN at first, and up to
	// twice as much each time that the bank fails again, at most MAX. Default 5s..60s.
	OpenFor Range `yaml:"open_for"`
	// Probes is how many are tried then, and must succeed, 1 to 100. Default 3.
	Probes int `yaml:"probes"`
}

// ChannelBreaker is as Breaker, for a channel. It knows no slowness: a hub's own can't be told from its members'.
type ChannelBreaker struct {
	Window      Duration `yaml:"window"`       // as in Breaker. Default 10s.
	MinCalls    int      `yaml:"min_calls"`    // as in Breaker. Default 20.
	FailureRate Share    `yaml:"failure_rate"` // as in Breaker. Default 50%.
	Consecutive int      `yaml:"consecutive"`  // as in Breaker. Default 20.
	OpenFor     Range    `yaml:"open_for"`     // as in Breaker. Default 5s..60s.
	Probes      int      `yaml:"probes"`       // as in Breaker. Default 3.
}

// Breaker is the same without slowness.
func (b ChannelBreaker) Breaker() Breaker {
	return Breaker{
		Window: b.Window, MinCalls: b.MinCalls, FailureRate: b.FailureRate, Consecutive: b.Consecutive,
		OpenFor: b.OpenFor, Probes: b.Probes,
	}
}

// Timeouts is how long the gateway waits for an answer of a bank, 10ms to 10m each. Left out: as the channel says.
type Timeouts struct {
	Apply   Duration `yaml:"apply"`   // verify, apply and challenge
	Confirm Duration `yaml:"confirm"` // confirm, cancel and unsign
	Query   Duration `yaml:"query"`
}

// ChannelTimeouts is how long the gateway waits over a channel, 10ms to 10m each. Connect is the channel's alone,
// because one connection serves all its banks; the others are for banks that name none.
type ChannelTimeouts struct {
	Connect Duration `yaml:"connect"` // TCP and TLS together. Default 2s.
	Apply   Duration `yaml:"apply"`   // verify, apply and challenge. Default 10s.
	Confirm Duration `yaml:"confirm"` // confirm, cancel and unsign. Default 12s.
	Query   Duration `yaml:"query"`   // Default 5s.
}

// Answers are those for an answer.
func (t ChannelTimeouts) Answers() Timeouts {
	return Timeouts{Apply: t.Apply, Confirm: t.Confirm, Query: t.Query}
}

// Promise is what a tier's banks take for one answer. The row's figures: state under 2 s, city 3 to 5 s.
type Promise struct {
	// From is the least time expected of a typical (p50) answer, 0s to To. Default 0s.
	From Duration `yaml:"from"`
	// To is the most time that 99 in 100 answers take, 1ms to 24h. Required.
	To Duration `yaml:"to"`
}

// CodeRule maps a raw code of one operation to a reason.
type CodeRule struct {
	// Code is the bank's raw code: 1 to 32 letters, digits, _ . : / or -. Required.
	Code string `yaml:"code"`
	// Operation is verify, apply, challenge, confirm, cancel, unsign or query; empty means all.
	Operation string `yaml:"operation"`
	// Reason is a code of the gateway's problem table. Required.
	Reason string `yaml:"reason"`
}

// Channel is one file of channels/: an endpoint, a protocol, keys and limits of its own.
type Channel struct {
	// ID as in Bank. Required.
	ID string `yaml:"id"`
	// Name as in Bank. Required.
	Name Text `yaml:"name"`
	// Protocol is a name of wire/all: epcc. Required.
	Protocol string `yaml:"protocol"`
	// Endpoint is where requests go.
	Endpoint Endpoint `yaml:"endpoint"`
	// Notices is how the channel's unasked words come in over HTTP.
	Notices Notices `yaml:"notices"`
	// Options are the protocol's own, decoded strictly into the options of its wire package.
	Options any `yaml:"options"`
	// Keys are both sides' keys, at most 256. A channel's protocol says which it needs.
	Keys []Key `yaml:"keys"`
	// Limits as in Bank, for all its banks together.
	Limits Limits `yaml:"limits"`
	// Breaker says when the channel itself is left alone.
	Breaker ChannelBreaker `yaml:"breaker"`
	// Timeouts are for connections, and for answers of banks that have none of their own.
	Timeouts ChannelTimeouts `yaml:"timeouts"`
	// Resolve is how unknown outcomes are found out over this channel.
	Resolve Resolve `yaml:"resolve"`
	// Mock is how the farm plays the channel itself, not the banks behind it.
	Mock ChannelMock `yaml:"mock"`
}

// Endpoint is where a channel's requests go.
type Endpoint struct {
	// URL is scheme, host, port and path, such as https://127.0.0.1:9101/preSvr, or tcp, host and port, such as tcp://127.0.0.1:9111. Required.
	URL string `yaml:"url"`
	// TLS is needed where the URL is https, and means TLS where it is tcp.
	TLS *TLS `yaml:"tls"`
	// MaxConns is the number of HTTP connections kept, 1 to 10,000 and at least the channel's Limits.InFlight. Default 256. Not for tcp.
	MaxConns int `yaml:"max_conns"`
	// Lines is the number of long tcp connections kept, 1 to 64; each carries many requests at once. Default 2. Only for tcp.
	Lines int `yaml:"lines"`
	// MaxAnswerBytes is the longest answer taken, 1,024 to 16,777,216. Default 65,536.
	MaxAnswerBytes int `yaml:"max_answer_bytes"`
}

// TCP reports whether the channel runs over long TCP connections, and not over HTTP.
func (e *Endpoint) TCP() bool { return strings.HasPrefix(e.URL, "tcp://") }

// TLS names PEM files. Each is a reference, file:… or env:….
type TLS struct {
	CA         Ref `yaml:"ca"`          // the authority that both sides trust. Required.
	ClientCert Ref `yaml:"client_cert"` // the gateway's certificate. Required.
	ClientKey  Ref `yaml:"client_key"`  // Required.
	ServerCert Ref `yaml:"server_cert"` // only the farm reads it
	ServerKey  Ref `yaml:"server_key"`  // only the farm reads it
	// ServerName is the name in the bank's certificate, at most 253 bytes. Default: the host of the URL.
	ServerName string `yaml:"server_name"`
}

// Notices is how a channel's unasked words come in over HTTP.
type Notices struct {
	// TLS is the certificate that the bank must show with them, on a callbacks listener that speaks TLS. Left out: their
	// seal alone is looked at. Not for tcp, where they come over the lines.
	TLS *NoticesTLS `yaml:"tls"`
}

// NoticesTLS names PEM files. Each is a reference, file:… or env:….
type NoticesTLS struct {
	CA Ref `yaml:"ca"` // the authority of the bank's certificate. Required.
	// Name is the name in that certificate, among its DNS names or as its common name, at most 253 bytes. Required.
	Name       string `yaml:"name"`
	ClientCert Ref    `yaml:"client_cert"` // the bank's certificate; only the farm reads it
	ClientKey  Ref    `yaml:"client_key"`  // only the farm reads it
	GatewayCA  Ref    `yaml:"gateway_ca"`  // the authority of the gateway's certificate; only the farm reads it
}

// Ref is where a secret lies: file:<path, relative to the key folder> or env:<NAME>. Never the secret itself.
type Ref string

// Key is one key of a channel: a key pair of one side, whose private half is needed only by that side, or a secret that both sides hold.
type Key struct {
	// Serial picks the key on the wire (EPCC SignSN and NcrptnSN: 10 digits): 1 to 64 letters and digits. Required, unique in the channel.
	Serial string `yaml:"serial"`
	// Owner is gateway or bank; both for a secret. Required.
	Owner string `yaml:"owner"`
	// Use is sign or encrypt; for a secret mac (seals messages) or master (protects other keys on their way). Required.
	Use string `yaml:"use"`
	// Algorithm is sm2 or rsa; for a secret des (mac only), des3 or sm4. Required.
	Algorithm string `yaml:"algorithm"`
	// State is active (used for what goes out and comes in), retiring (comes in only) or revoked (refused). Default active.
	State string `yaml:"state"`
	// Private is a PKCS#8 key in PEM. Read by the owner only.
	Private Ref `yaml:"private"`
	// Public is a PKIX public key or a certificate in PEM. Required for a key pair.
	Public Ref `yaml:"public"`
	// Secret is the key in hexadecimal: 16 digits for des, 32 for sm4, 32 or 48 for des3. Required where both own it, and only there.
	Secret Ref `yaml:"secret"`
}

// Resolve is how an unknown outcome is found out.
type Resolve struct {
	// After are the pauses before each query, 1 to 32 of 10ms to 24h; the last repeats. Default [2s, 5s, 15s, 1m, 5m, 30m, 2h, 12h, 24h].
	After []Duration `yaml:"after"`
	// VisibleAfter is how long the bank may not see yet what it has done, 0s to 1h. Default 5s.
	// "Not found" is believed only after it.
	VisibleAfter *Duration `yaml:"visible_after"`
	// NotFoundTimes is how many answers of "not found" are believed together, 1 to 10. Default 2.
	NotFoundTimes int `yaml:"not_found_times"`
	// HumanAfter is how long nobody knows before a person is asked as well, 10m to 720h. Default 24h. The bank goes on being
	// asked; what its own people have yet to approve is not meant.
	HumanAfter Duration `yaml:"human_after"`
}

// Platform is one file of platforms/: a wallet with its rules (M31).
type Platform struct {
	// ID as in Bank. Required.
	ID string `yaml:"id"`
	// Name as in Bank. Required.
	Name Text `yaml:"name"`
	// Schemes are the card networks the wallet takes: unionpay, visa, mastercard, jcb, amex. At least one.
	Schemes []string `yaml:"schemes"`
	// Documents are the document types it takes. At least one.
	Documents []string `yaml:"documents"`
	// RealName is the identity level that a user must have in the wallet before a card is bound: none, class_i, class_ii
	// or class_iii, as payment accounts are classed (one, three or five outside checks of the identity). Default none.
	// A request that does not name the user's level is taken: the wallet vouches for it.
	RealName string `yaml:"real_name"`
	// Journey is how long a person takes for a whole binding on average, 1s to 1h. Required.
	Journey Duration `yaml:"journey"`
	// Terminal is what the wallet demands of a phone.
	Terminal Terminal `yaml:"terminal"`
}

// Terminal is the oldest phone and client that will do (M03).
type Terminal struct {
	// Android and IOS are the oldest versions. Defaults 5.0 and 10.0.
	Android string `yaml:"android"`
	IOS     string `yaml:"ios"`
	// Harmony is the oldest HarmonyOS version. Default 2.0.
	Harmony string `yaml:"harmony"`
	// Client is the oldest version of the wallet. Empty: any.
	Client string `yaml:"client"`
}
