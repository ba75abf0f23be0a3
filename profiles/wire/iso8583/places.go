package iso8583

import (
	"strconv"
	"strings"
	"time"

	"kaqiao/profiles/wire"
)

// place ties one field to the variable that holds it. Each message lists its
// places once; the order on the wire is that of their numbers.
type place struct {
	n      int
	need   need
	kind   *kind
	text   *string
	secret secretText // in place of text
	part   part       // in place of both: a field with places of its own
}

// secretText is any of the secret types.
type secretText interface {
	Reveal() string
	UnmarshalText([]byte) error
}

// part is a field with places of its own. What it holds is absent where write returns "".
type part interface {
	write(*Options) (string, error)
	read(*Options, string) error
}

// need is whether a field must be there.
type need int

const (
	optional need = iota
	mandatory
)

// kind is what a field must be beside the table of its dialect.
type kind struct {
	ok   func(string) bool
	want string
	fill bool // filled up with blanks, and read without them
	gbk  bool
}

// The kinds of fields.
var (
	kindPlain       = kind{ok: func(string) bool { return true }}
	kindCard        = kind{ok: func(s string) bool { return len(s) >= 13 }, want: "13 to 19 digits"}
	kindMoment      = kind{ok: isMoment("0102150405"), want: "a moment MMDDhhmmss"}
	kindTime        = kind{ok: isMoment("150405"), want: "a time hhmmss"}
	kindDate        = kind{ok: isMoment("0102"), want: "a date MMDD"}
	kindResponse    = kind{ok: isResponse, want: "two capital letters or digits"}
	kindFilled      = kind{ok: isPrintable, want: "printable ASCII", fill: true}
	kindFilledGBK   = kind{ok: isText, want: "text without control characters", fill: true, gbk: true}
	kindInstitution = kind{ok: isDigits, want: "digits"}
)

// isMoment accepts what a layout accepts. A leap day needs no leap year, for the year is not there.
func isMoment(layout string) func(string) bool {
	return func(s string) bool {
		_, err := time.Parse("2006"+layout, "2000"+s)
		return err == nil
	}
}

func isResponse(s string) bool { return isAlphanumeric(s) && s == strings.ToUpper(s) }

// write returns the field as it goes on the wire, or "" where it is absent.
func (p *place) write(o *Options) (string, error) {
	if p.part != nil {
		value, err := p.part.write(o)
		if err == nil && value == "" && p.need == mandatory {
			err = fail(p.n, "missing")
		}
		return value, err
	}
	value := p.value()
	switch {
	case value == "" && p.need == mandatory:
		return "", fail(p.n, "missing")
	case value == "":
		return "", nil
	case !p.kind.ok(value):
		return "", fail(p.n, "not "+p.kind.want)
	}
	if p.kind.gbk {
		encoded, err := toGBK(value)
		if err != nil {
			return "", fail(p.n, "not to be written in GBK")
		}
		value = encoded
	}
	if !p.kind.fill {
		return value, nil
	}
	places := cups.fields[p.n].max
	switch {
	case len(value) > places:
		return "", fail(p.n, "longer than "+strconv.Itoa(places)+" bytes")
	case value != " " && strings.HasSuffix(value, " "):
		return "", fail(p.n, "ends with a blank")
	}
	return padded(value, places), nil
}

// read takes the field from the wire.
func (p *place) read(o *Options, value string) error {
	if value == "" {
		return fail(p.n, "empty")
	}
	if p.part != nil {
		return p.part.read(o, value)
	}
	if p.kind.fill {
		if value = strings.TrimRight(value, " "); value == "" {
			value = " "
		}
	}
	if p.kind.gbk {
		decoded, err := fromGBK(value)
		if err != nil {
			return fail(p.n, "not GBK")
		}
		value = decoded
	}
	if !p.kind.ok(value) {
		return fail(p.n, "not "+p.kind.want)
	}
	if p.secret != nil {
		return p.secret.UnmarshalText([]byte(value))
	}
	*p.text = strings.Clone(value)
	return nil
}

func (p *place) value() string {
	if p.secret != nil {
		return p.secret.Reveal()
	}
	return *p.text
}

func plain(n int, k *kind, need need, text *string) place {
	return place{n: n, kind: k, need: need, text: text}
}

func hidden(n int, k *kind, secret secretText) place { return place{n: n, kind: k, secret: secret} }

// newMessage returns an empty message of a type, or nil.
func newMessage(mti string) wire.Message {
	switch mti {
	case TypeRequest:
		return new(Request)
	case TypeAnswer:
		return new(Answer)
	case TypeReversal, TypeReversalRepeat:
		return &Reversal{Repeat: mti == TypeReversalRepeat}
	case TypeReversalAnswer:
		return new(ReversalAnswer)
	case TypeNetwork, TypeApplication:
		return &Network{Application: mti == TypeApplication}
	case TypeNetworkAnswer, TypeApplicationAnswer:
		return &NetworkAnswer{Application: mti == TypeApplicationAnswer}
	}
	return nil
}

// placesOf returns a message's header and its places, or nil for one that can't be sent or is another protocol's.
func placesOf(m wire.Message) (*Header, []place) {
	switch m := m.(type) {
	case *Request:
		return &m.Header, m.Common.places(m.Trace.places())
	case *Answer:
		return &m.Header, append(m.Common.places(m.Trace.places()),
			plain(38, &kindFilled, optional, &m.AuthCode),
			plain(39, &kindResponse, mandatory, &m.ResponseCode),
			plain(44, &kindPlain, optional, &m.AdditionalResponse),
		)
	case *Reversal:
		return &m.Header, append(m.Common.places(m.Trace.places()), place{n: 90, need: mandatory, part: &m.Original})
	case *ReversalAnswer:
		return &m.Header, append(m.Common.places(m.Trace.places()),
			plain(39, &kindResponse, mandatory, &m.ResponseCode),
			place{n: 90, part: &m.Original},
		)
	case *Network:
		k := &newKey{key: &m.NewKey, never: m.Application, security: &m.Security}
		return &m.Header, append(k.places(m.Trace.places()),
			plain(33, &kindInstitution, optional, &m.Forwarder),
			plain(70, &kindPlain, mandatory, &m.Code),
			plain(100, &kindInstitution, optional, &m.Receiver),
		)
	case *NetworkAnswer:
		k := &newKey{key: &m.NewKey, security: &m.Security}
		return &m.Header, append(k.places(m.Trace.places()),
			plain(33, &kindInstitution, optional, &m.Forwarder),
			plain(39, &kindResponse, mandatory, &m.ResponseCode),
			plain(70, &kindPlain, mandatory, &m.Code),
			plain(100, &kindInstitution, optional, &m.Receiver),
		)
	}
	return nil, nil
}

func (t *Trace) places() []place {
	return append(make([]place, 0, 32),
		plain(7, &kindMoment, mandatory, &t.Transmitted),
		plain(11, &kindPlain, mandatory, &t.STAN),
	)
}

func (c *Common) places(all []place) []place {
	return append(all,
		hidden(2, &kindCard, &c.PAN),
		plain(3, &kindPlain, mandatory, &c.ProcessingCode),
		plain(4, &kindPlain, optional, &c.AmountFen),
		plain(12, &kindTime, optional, &c.LocalTime),
		plain(13, &kindDate, optional, &c.LocalDate),
		hidden(14, &kindPlain, &c.Expiry), // 0000 in the sample (found)
		plain(15, &kindDate, optional, &c.SettlementDate),
		plain(18, &kindPlain, optional, &c.MerchantType),
		plain(22, &kindPlain, optional, &c.EntryMode),
		plain(25, &kindPlain, optional, &c.ConditionCode),
		plain(32, &kindInstitution, optional, &c.Acquirer),
		plain(33, &kindInstitution, optional, &c.Forwarder),
		plain(37, &kindFilled, optional, &c.Reference),
		plain(41, &kindFilled, optional, &c.Terminal),
		plain(42, &kindFilled, optional, &c.Merchant),
		plain(43, &kindFilledGBK, optional, &c.MerchantName),
		place{n: 48, part: &c.Usages},
		plain(49, &kindPlain, optional, &c.Currency),
		place{n: 60, part: &c.Details},
		place{n: 61, part: &c.Identity},
		plain(100, &kindInstitution, optional, &c.Receiver),
		hidden(102, &kindPlain, &c.Account),
		plain(121, &kindPlain, optional, &c.National),
		plain(122, &kindPlain, optional, &c.AcquirerData),
		plain(123, &kindPlain, optional, &c.IssuerData),
	)
}
