package wire_test

import (
	"strings"
	"testing"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

type Head struct {
	From   string
	Signed int64
}

type told struct {
	Head
	Card  secret.Card
	Inner struct {
		Name     secret.Name
		Document secret.Document
		Mobile   secret.Mobile
		Code     secret.Code
		Wallet   secret.Key
		Empty    secret.CVV
		Number   string
	}
	Words   string `outline:"-"`
	Repeat  bool
	Amounts []string
	hidden  string
}

func (*told) Type() string { return "told.01" }

func TestAnOutlineShowsWhatMayBeKept(t *testing.T) {
	m := &told{Head: Head{From: "A1", Signed: 7}, Card: secret.NewCard("6217000010001234567"), Words: "call 13800138000", Repeat: true, Amounts: []string{"1", ""}, hidden: "no"}
	m.Inner.Name, m.Inner.Document, m.Inner.Mobile = secret.NewName("张三"), secret.NewDocument("11010519491231002X"), secret.NewMobile("13800138000")
	m.Inner.Code, m.Inner.Wallet, m.Inner.Number = secret.NewCode("123456"), secret.NewKey("wallet-1"), "2026112600000000000000010760001"
	want := "told.01  From=A1  Signed=7  Card=****4567  Inner.Name=•••  Inner.Document=•••  Inner.Mobile=•••  Inner.Code=•••  Inner.Wallet=•••" +
		"  Inner.Number=2026112600000000000000010760001  Repeat=yes  Amounts[0]=1  Amounts[1]="
	if got := wire.Outline(m); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if wire.Outline(nil) != "" || wire.Outline((*told)(nil)) != "" {
		t.Error("nothing has an outline")
	}
}

// A bank may write a person's number where none belongs.
func TestAnOutlineHidesStrayNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"6217000010001234566":             "6217000010001234566", // no card: its check digit is wrong
		"card 4111111111111111 refused":   `"card ••• refused"`,
		"11010519491231002X":              "•••",
		"110105194912310021":              "110105194912310021", // nobody's: its check digit is wrong
		"tel:13800138000":                 "tel:•••",
		"卡号4111111111111111被拒":            "卡号•••被拒",
		"G4001011000016":                  "G4001011000016", // an institution, by chance with a right check digit
		"20261126":                        "20261126",
		"+8613800138000":                  "+•••",
		"0086 13800138000":                `"0086 •••"`,
		"008613800138000":                 "•••",
		"8623800138000":                   "8623800138000", // no mobile number begins with 2
		"card 4111 1111-1111 1111":        `"card •••"`,
		"138-0013-8000":                   "•••",
		"110105 19491231 002X":            "•••",
		"4111 1111 1111 1112":             `"4111 1111 1111 1112"`, // its check digit is wrong
		"2026-11-26 10:00:00":             `"2026-11-26 10:00:00"`,
		"2026112600000000000000010760001": "2026112600000000000000010760001",
		"a\nb\x00\xff":                    "a�b��",
		strings.Repeat("界", 100):          strings.Repeat("界", 32) + "…",
	} {
		if got := wire.Outline(&told{Head: Head{From: text}}); got != "told.01  From="+want {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestAnOutlineHasALimit(t *testing.T) {
	m := &told{}
	for range 1000 {
		m.Amounts = append(m.Amounts, "12345678")
	}
	got := wire.Outline(m)
	if len(got) > wire.MaxOutline || len(got) < wire.MaxOutline-100 || !strings.HasSuffix(got, "  …") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-20:])
	}
}
