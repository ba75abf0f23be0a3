package iso8583

import "kaqiao/profiles/secret"

// The message types.
const (
	TypeRequest           = "0100"
	TypeAnswer            = "0110"
	TypeReversal          = "0420"
	TypeReversalRepeat    = "0421"
	TypeReversalAnswer    = "0430"
	TypeApplication       = "0800" // asks for a key
	TypeApplicationAnswer = "0810"
	TypeNetwork           = "0820"
	TypeNetworkAnswer     = "0830"
)

// Header is the 46 bytes before a message, without what the codec makes itself.
type Header struct {
	Destination string // 1 to 11 digits, such as 00010000 for UnionPay
	Source      string // 1 to 11 digits
}

// Trace is what an answer has in common with its request, and is matched by.
type Trace struct {
	Transmitted string // F7: MMDDhhmmss, Beijing
	STAN        string // F11: 6 digits
}

// Key is what an answer is matched by: fields 7 and 11, sixteen digits.
func (t Trace) Key() string { return t.Transmitted + t.STAN }

// Request is 0100: verify identity, set up, sign or cancel, as ProcessingCode says.
// An empty text is an absent field.
type Request struct {
	Header Header `outline:"inline"`
	Trace  Trace  `outline:"inline"`
	Common Common `outline:"inline"`
}

// Answer is 0110.
type Answer struct {
	Header             Header `outline:"inline"`
	Trace              Trace  `outline:"inline"`
	Common             Common `outline:"inline"`
	AuthCode           string // F38: 6 characters
	ResponseCode       string // F39: 2 capital letters or digits, required
	AdditionalResponse string `outline:"-"` // F44: at most 25 characters
}

// Reversal is 0420, and 0421 where it is said again.
type Reversal struct {
	Header   Header `outline:"inline"`
	Trace    Trace  `outline:"inline"` // its own, not the original's
	Repeat   bool
	Common   Common   `outline:"inline"`
	Original Original // F90, required
}

// ReversalAnswer is 0430.
type ReversalAnswer struct {
	Header       Header `outline:"inline"`
	Trace        Trace  `outline:"inline"` // that of the reversal
	Common       Common `outline:"inline"`
	ResponseCode string // F39, required
	Original     Original
}

// Common are the fields of all business messages. Fixed texts may be shorter
// than their fields: they are padded with blanks on the right, and read without
// them; a field of blanks only is read as one blank.
type Common struct {
	PAN            secret.Card   // F2: 13 to 19 digits
	ProcessingCode string        // F3: 6 digits, required
	AmountFen      string        // F4: 12 digits; 000000000000 is not the same as absent
	LocalTime      string        // F12: hhmmss
	LocalDate      string        // F13: MMDD
	Expiry         secret.Expiry // F14: YYMM
	SettlementDate string        // F15: MMDD
	MerchantType   string        // F18: 4 digits
	EntryMode      string        // F22: 3 digits
	ConditionCode  string        // F25: 2 digits
	Acquirer       string        // F32: at most 11 digits
	Forwarder      string        // F33: at most 11 digits
	Reference      string        // F37: 12 characters
	Terminal       string        // F41: 8 characters
	Merchant       string        // F42: 15 characters
	MerchantName   string        `outline:"-"` // F43: 40 bytes of GBK
	Usages         Usages        // F48
	Currency       string        // F49: 3 digits
	Details        Details       // F60
	Identity       Identity      // F61
	Receiver       string        // F100: at most 11 digits
	Account        secret.Card   // F102: at most 28 characters
	National       string        `outline:"-"` // F121: at most 100 characters
	AcquirerData   string        `outline:"-"` // F122: at most 100 characters
	IssuerData     string        `outline:"-"` // F123: at most 100 characters
}

// Usages is field 48.
type Usages struct {
	Order     string      // ON: at most 40 characters, the number of the set-up
	Code      secret.Code // VC: 4 to 8 digits
	Wallet    secret.Key  // WA: at most 64 characters, the wallet's account
	Agreement string      // AG: at most 64 characters
	Mandate   Mandate     // PZ
}

// Mandate is usage PZ (found): 158 bytes with fixed places. Where all is empty the block is absent.
type Mandate struct {
	NumberType string     // 2
	UserNumber secret.Key // 40
	Area       string     // 4
	ExtraArea  string     // 4
	PayFlag    string     // 1
	PayType    string     // 2
	Account    secret.Key // 40
	Term       string     // 2
	Max        string     // 12
	Min        string     // 12
	Window     string     // 17
	Reserved   string     `outline:"-"` // 22
}

// Details is field 60 (found). Places at the end may be left out together; an
// empty place before a filled one is written as zeros.
type Details struct {
	Reason             string // 60.1: 4
	AccountOwner       string // 60.2: 1
	TerminalCapability string // 60.3: 1
	ICCondition        string // 60.4: 1
	Reserved           string // 60.5: 1
	TerminalType       string // 60.6: 2, 07 internet
	NoPIN              string // 60.7: 1
	ICReliability      string // 60.8: 1
	ECommerce          string // 60.9: 2
	Interaction        string // 60.10: 1
	FeeType            string // 60.11: 2
	FeeLevel           string // 60.11: 1
	FeeReserved        string // 60.11: 3; the third is the MAC algorithm, see Options.MACFlag
	PartialApproval    string // 60.11: 1
	Initiation         string // 60.11: 1
	Medium             string // 60.11: 1
	ICApplication      string // 60.11: 1
	Settlement         string // 60.11: 2
	AccountClass       string // 60.11: 1, class I, II, III as 1, 2, 3
	CardProduct        string // 60.11: 2
}

// Identity is field 61. Where all is empty the field is absent; an empty place
// is written as blanks. The found sample writes none as zeros: see NoDocument.
type Identity struct {
	DocumentType string          // 2 digits
	Document     secret.Document // 20 characters
	CVVResult    string          // 1
	PVVResult    string          // 1
	CVN2         secret.CVV      // 3 digits: the card-not-present value
	CVN2Result   string          // 1
	ARQCResult   string          // 1
	Name         secret.Name     // in AM: at most 120 bytes of GBK
	Mobile       secret.Mobile   // in AM: 11 digits
}

// What stands in field 61 where there is no document and no CVN2 (found).
const (
	NoDocumentType = "00"
	NoDocument     = "00000000000000000000"
	NoCVN2         = "000"
)

// Original is field 90. The numbers of institutions have 11 digits, with zeros
// on the left (from memory); shorter ones are filled so when they are written.
type Original struct {
	MTI         string // 4 digits
	STAN        string // 6
	Transmitted string // 10
	Acquirer    string // 11
	Forwarder   string // 11
}

// OriginalOf names a request, as its reversal does.
func OriginalOf(m *Request) Original {
	return Original{
		MTI: TypeRequest, STAN: m.Trace.STAN, Transmitted: m.Trace.Transmitted,
		Acquirer: elevenDigits(m.Common.Acquirer), Forwarder: elevenDigits(m.Common.Forwarder),
	}
}

// Key is the key of the original's Trace.
func (o Original) Key() string { return o.Transmitted + o.STAN }

// Network is 0820, or 0800 where Application is set.
type Network struct {
	Header      Header     `outline:"inline"`
	Trace       Trace      `outline:"inline"`
	Application bool       // an 0800: asks for a key
	Forwarder   string     // F33: at most 11 digits
	Security    string     // F53: 16 digits; required with NewKey
	Code        string     // F70: 3 digits, required
	NewKey      secret.Key // F96 or F48 NK: a key under the master key, as Keys wraps it
	Receiver    string     // F100: at most 11 digits
}

// NetworkAnswer is 0830, or 0810 where Application is set.
type NetworkAnswer struct {
	Header       Header `outline:"inline"`
	Trace        Trace  `outline:"inline"`
	Application  bool
	Forwarder    string     // F33
	ResponseCode string     // F39, required
	Security     string     // F53; required with NewKey
	Code         string     // F70, required
	NewKey       secret.Key // as in Network
	Receiver     string     // F100
}

// Bounced is a message of ours that came back unprocessed, because its header
// did not please: nothing of it was executed. Only Decode makes one; a
// receiver sends a message back with Codec.Bounce.
type Bounced struct {
	Header Header // of the one that came back: its source is who bounced
	Reject string // 5 digits, never 00000
	MTI    string // of the message that was sent
	Trace  Trace  // of the message that was sent
}

// Type implements wire.Message.
func (*Request) Type() string { return TypeRequest }

// Type implements wire.Message.
func (*Answer) Type() string { return TypeAnswer }

// Type implements wire.Message: 0420 or 0421.
func (m *Reversal) Type() string { return either(m.Repeat, TypeReversalRepeat, TypeReversal) }

// Type implements wire.Message.
func (*ReversalAnswer) Type() string { return TypeReversalAnswer }

// Type implements wire.Message: 0800 or 0820.
func (m *Network) Type() string { return either(m.Application, TypeApplication, TypeNetwork) }

// Type implements wire.Message: 0810 or 0830.
func (m *NetworkAnswer) Type() string {
	return either(m.Application, TypeApplicationAnswer, TypeNetworkAnswer)
}

// Type implements wire.Message.
func (*Bounced) Type() string { return "bounced" }

func either(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

func elevenDigits(s string) string {
	if len(s) >= 11 {
		return s
	}
	return "00000000000"[len(s):] + s
}
