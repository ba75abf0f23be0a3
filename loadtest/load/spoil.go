package load

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	"kaqiao/loadtest/control"
	"kaqiao/profiles/secret"
)

// spoil puts something wrong into what a wallet sends.
type spoil func(w *Wallet)

// person changes a copy: the plan's own customer stays as the bank knows them.
func person(change func(c *control.Customer)) spoil {
	return func(w *Wallet) {
		c := *w.Subject.Customer
		c.Cards = slices.Clone(c.Cards)
		change(&c)
		w.Subject.Customer = &c
	}
}

func phone(p Phone) spoil { return func(w *Wallet) { w.Phone = p } }

// strangersName is a name of the right form that is not the holder's.
func strangersName(c *control.Customer) {
	name := []rune(c.Name.Reveal())
	last := &name[len(name)-1]
	switch {
	case !unicode.Is(unicode.Han, *last):
		name = append(name, 'X')
	case *last == '安':
		*last = '宁'
	default:
		*last = '安'
	}
	c.Name = secret.NewName(string(name))
}

// otherScript is a name as another document may have it: pinyin for
// characters, and the given name first for a Latin one. Banks keep one form and know no other.
func otherScript(c *control.Customer) {
	name := c.Name.Reveal()
	parts := strings.Fields(name)
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Han, r) }):
		name = "ZHANG SAN"
	case len(parts) < 2:
		name += " SAN"
	default:
		name = strings.Join(append(parts[1:], parts[0]), " ")
	}
	c.Name = secret.NewName(name)
}

// misspeltName holds what no name may hold.
func misspeltName(c *control.Customer) { c.Name = secret.NewName(c.Name.Reveal() + "3") }

// strangersDocument is a number of the right form that is not the holder's.
func strangersDocument(c *control.Customer) {
	n := c.Document.Number.Reveal()
	if c.Document.Type == "resident_id" && len(n) == 18 {
		body := nextDigit(n[:17])
		n = body + checkCharacter(body)
	} else {
		n = nextDigit(n)
	}
	c.Document.Number = secret.NewDocument(n)
}

// otherDocument is another document than the one that the bank has on record.
func otherDocument(c *control.Customer) {
	if c.Document.Type == "passport" {
		c.Document = control.Document{Type: "resident_id", Number: secret.NewDocument("11010519491231002X")}
		return
	}
	c.Document = control.Document{Type: "passport", Number: secret.NewDocument("E12345678")}
}

func strangersMobile(c *control.Customer) {
	c.Mobile = secret.NewMobile(nextDigit(c.Mobile.Reveal()))
}

func wrongCVV(c *control.Customer) {
	c.Cards[0].CVV = secret.NewCVV(nextDigit(c.Cards[0].CVV.Reveal()))
}

// wrongExpiry is a month that is not over and not the card's.
func wrongExpiry(c *control.Customer) {
	year, month, _ := strings.Cut(c.Cards[0].Expiry.Reveal(), "-")
	n, err := strconv.Atoi(year)
	if err != nil {
		return
	}
	c.Cards[0].Expiry = secret.NewExpiry(strconv.Itoa(n+1) + "-" + month)
}

func pastExpiry(c *control.Customer) { c.Cards[0].Expiry = secret.NewExpiry("2020-01") }

// misreadNumber ends in another digit than its Luhn digit.
func misreadNumber(c *control.Customer) {
	c.Cards[0].Number = secret.NewCard(nextDigit(c.Cards[0].Number.Reveal()))
}

// nextDigit changes the last character, a digit, into another digit.
func nextDigit(s string) string {
	if s == "" {
		return s
	}
	last := s[len(s)-1]
	if last < '0' || last >= '9' {
		return s[:len(s)-1] + "0"
	}
	return s[:len(s)-1] + string(rune(last+1))
}

// checkCharacter is that of a resident identity number (GB 11643, ISO 7064 MOD 11-2).
func checkCharacter(body string) string {
	rest := 0
	for i := range len(body) {
		rest = (rest + int(body[i]-'0')) * 2 % 11
	}
	return "10X98765432"[rest : rest+1]
}
