package iso8583

import (
	"strconv"
	"strings"

	"kaqiao/profiles/wire"
)

// piece is one of the fixed places that a field or a usage block consists of.
type piece struct {
	name   string
	size   int
	fixed  string // what always stands here
	text   *string
	secret secretText
}

func (p *piece) value() string {
	switch {
	case p.fixed != "":
		return p.fixed
	case p.secret != nil:
		return p.secret.Reveal()
	}
	return *p.text
}

// mandateBytes is the length of usage PZ.
const mandateBytes = 158

func (m *Mandate) pieces() []piece {
	return []piece{
		{name: "NumberType", size: 2, text: &m.NumberType},
		{name: "UserNumber", size: 40, secret: &m.UserNumber},
		{name: "Area", size: 4, text: &m.Area},
		{name: "ExtraArea", size: 4, text: &m.ExtraArea},
		{name: "PayFlag", size: 1, text: &m.PayFlag},
		{name: "PayType", size: 2, text: &m.PayType},
		{name: "Account", size: 40, secret: &m.Account},
		{name: "Term", size: 2, text: &m.Term},
		{name: "Max", size: 12, text: &m.Max},
		{name: "Min", size: 12, text: &m.Min},
		{name: "Window", size: 17, text: &m.Window},
		{name: "Reserved", size: 22, text: &m.Reserved},
	}
}

// writePieces writes all places filled up with blanks, and tells whether none says anything.
func writePieces(path string, pieces []piece) (written string, blank bool, err error) {
	var out strings.Builder
	blank = true
	for i := range pieces {
		p := &pieces[i]
		value := p.value()
		if reason := p.check(value); reason != "" {
			return "", false, &wire.FieldError{Field: path + "/" + p.name, Reason: reason}
		}
		blank = blank && (value == "" || p.fixed != "")
		out.WriteString(padded(value, p.size))
	}
	return out.String(), blank, nil
}

// readPieces reads a text of exactly the places' length, and tells whether none
// says anything: such a text would not be written again.
func readPieces(path string, pieces []piece, s string) (blank bool, err error) {
	blank = true
	for i := range pieces {
		p := &pieces[i]
		if len(s) < p.size {
			return false, &wire.FieldError{Field: path + "/" + p.name, Reason: "cut short"}
		}
		value := strings.TrimRight(s[:p.size], " ")
		s = s[p.size:]
		if reason := p.check(value); reason != "" {
			return false, &wire.FieldError{Field: path + "/" + p.name, Reason: reason}
		}
		if p.fixed != "" {
			continue
		}
		blank = blank && value == ""
		if p.secret != nil {
			if err := p.secret.UnmarshalText([]byte(value)); err != nil {
				return false, err
			}
			continue
		}
		*p.text = strings.Clone(value)
	}
	return blank, nil
}

func (p *piece) check(value string) string {
	switch {
	case p.fixed != "" && value != p.fixed:
		return "not as it always is"
	case len(value) > p.size:
		return "longer than " + strconv.Itoa(p.size)
	case !isPrintable(value):
		return "not printable ASCII"
	case strings.HasSuffix(value, " "):
		return "ends with a blank"
	}
	return ""
}

func (d *Details) pieces() []piece {
	return []piece{
		{name: "Reason", size: 4, text: &d.Reason},
		{name: "AccountOwner", size: 1, text: &d.AccountOwner},
		{name: "TerminalCapability", size: 1, text: &d.TerminalCapability},
		{name: "ICCondition", size: 1, text: &d.ICCondition},
		{name: "Reserved", size: 1, text: &d.Reserved},
		{name: "TerminalType", size: 2, text: &d.TerminalType},
		{name: "NoPIN", size: 1, text: &d.NoPIN},
		{name: "ICReliability", size: 1, text: &d.ICReliability},
		{name: "ECommerce", size: 2, text: &d.ECommerce},
		{name: "Interaction", size: 1, text: &d.Interaction},
		{name: "FeeType", size: 2, text: &d.FeeType},
		{name: "FeeLevel", size: 1, text: &d.FeeLevel},
		{name: "FeeReserved", size: 3, text: &d.FeeReserved},
		{name: "PartialApproval", size: 1, text: &d.PartialApproval},
		{name: "Initiation", size: 1, text: &d.Initiation},
		{name: "Medium", size: 1, text: &d.Medium},
		{name: "ICApplication", size: 1, text: &d.ICApplication},
		{name: "Settlement", size: 2, text: &d.Settlement},
		{name: "AccountClass", size: 1, text: &d.AccountClass},
		{name: "CardProduct", size: 2, text: &d.CardProduct},
	}
}

// write stops behind the last place that says something; zeros fill the gaps before it.
func (d *Details) write(*Options) (string, error) {
	out, whole := "", 0
	for _, p := range d.pieces() {
		value := *p.text
		if value == "" {
			out += strings.Repeat("0", p.size)
			continue
		}
		if len(value) != p.size || !isPrintable(value) {
			return "", &wire.FieldError{Field: "F60/" + p.name, Reason: "not " + strconv.Itoa(p.size) + " printable characters"}
		}
		out += value
		whole = len(out)
	}
	return out[:whole], nil
}

// read takes whole places only. Blanks stay: a place that is there is not empty.
func (d *Details) read(_ *Options, s string) error {
	for _, p := range d.pieces() {
		if s == "" {
			return nil
		}
		if len(s) < p.size {
			return &wire.FieldError{Field: "F60/" + p.name, Reason: "cut short"}
		}
		*p.text, s = strings.Clone(s[:p.size]), s[p.size:]
	}
	if s != "" {
		return fail(60, "longer than its places")
	}
	return nil
}

func (o *Original) write(*Options) (string, error) {
	if *o == (Original{}) {
		return "", nil
	}
	out := o.MTI + o.STAN + o.Transmitted + elevenDigits(o.Acquirer) + elevenDigits(o.Forwarder)
	if len(o.MTI) != 4 || len(o.STAN) != 6 || !kindMoment.ok(o.Transmitted) || len(out) != 42 || !isDigits(out) {
		return "", fail(90, "not the type, trace and institutions of a message")
	}
	return out, nil
}

func (o *Original) read(_ *Options, s string) error {
	if !kindMoment.ok(s[10:20]) {
		return fail(90, "not the type, trace and institutions of a message")
	}
	s = strings.Clone(s)
	*o = Original{MTI: s[:4], STAN: s[4:10], Transmitted: s[10:20], Acquirer: s[20:31], Forwarder: s[31:]}
	return nil
}
