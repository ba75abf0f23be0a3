package people_test

import (
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/people"
	"kaqiao/profiles"
	"kaqiao/profiles/bins"
	"kaqiao/profiles/reference"

	"golang.org/x/text/encoding/simplifiedchinese"
)

var epoch = time.Date(2026, 11, 23, 0, 0, 0, 0, profiles.Beijing)

// table has a bank abc, in whose debit prefix another bank has a longer one,
// and a bank xyz that has no credit cards and a prefix without Luhn digit.
func table(t testing.TB) *bins.Table {
	t.Helper()
	built, conflicts, err := bins.Build([]bins.Row{
		{Prefix: "622848", Length: 19, Bank: "abc", Type: "debit", Scheme: "unionpay"},
		{Prefix: "6228481", Length: 19, Bank: "xyz", Type: "debit", Scheme: "unionpay"},
		{Prefix: "95599", Length: 19, Bank: "abc", Type: "debit", Scheme: "unionpay"},
		{Prefix: "622849", Length: 19, Bank: "abc", Type: "debit", Scheme: "unionpay", Offline: true},
		{Prefix: "622836", Length: 16, Bank: "abc", Type: "credit", Scheme: "unionpay"},
		{Prefix: "514027", Length: 16, Bank: "abc", Type: "credit", Scheme: "mastercard"},
		{Prefix: "621282", Length: 19, Bank: "abc", Type: "virtual", Scheme: "unionpay"},
		{Prefix: "6210", Length: 13, Bank: "xyz", Type: "debit", Scheme: "unionpay", NoLuhn: true},
	})
	if err != nil || len(conflicts) > 0 {
		t.Fatal(conflicts, err)
	}
	return built
}

func of(t testing.TB, bank string, seed uint64, n int) []ledger.Customer {
	t.Helper()
	return slices.Collect(people.Of(&profiles.Bank{ID: bank}, table(t), seed, n))
}

func TestMix(t *testing.T) {
	all := of(t, "abc", 7, 10_000)
	count := map[string]int{}
	trading := 0
	for _, c := range all {
		count[c.Kind]++
		if c.Kind == "virtual" && c.Cards[0].OnlinePayment {
			trading++
		}
	}
	want := map[string]int{
		"debit": 6400, "credit": 1800, "virtual": 400, "class_ii": 400, "class_iii": 400,
		"foreign": 200, "hk_macao_taiwan": 200, "corporate": 200,
	}
	for kind, n := range want {
		if count[kind] != n {
			t.Errorf("%s: %d of 10,000, want %d", kind, count[kind], n)
		}
	}
	if trading != 200 {
		t.Errorf("%d of 400 virtual cards may trade online, want half", trading)
	}
	first := map[string]bool{}
	for _, c := range all[:8] {
		first[c.Kind] = true
	}
	if len(first) != len(want) {
		t.Errorf("the first eight have %d kinds, want all %d", len(first), len(want))
	}
}

func TestSameSeedSamePeople(t *testing.T) {
	many, few := of(t, "abc", 7, 1000), of(t, "abc", 7, 100)
	for i := range few {
		if fmt.Sprint(many[i]) != fmt.Sprint(few[i]) {
			t.Fatalf("customer %d depends on how many there are", i)
		}
	}
	other := of(t, "abc", 8, 100)
	same := 0
	for i := range other {
		if other[i].Cards[0].Number == few[i].Cards[0].Number || other[i].Mobile == few[i].Mobile {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d of 100 customers have the card or mobile that they have under another seed", same)
	}
}

func TestNumbersAreTheBanksAndUnique(t *testing.T) {
	lookup := table(t)
	cards, mobiles := map[string]bool{}, map[string]bool{}
	for _, bank := range []string{"abc", "xyz"} {
		all := of(t, bank, 7, 20_000)
		if len(all) != 20_000 {
			t.Fatalf("%s has %d customers", bank, len(all))
		}
		for i, c := range all {
			card := c.Cards[0]
			row, ok := lookup.Lookup(card.Number)
			switch {
			case !ok || row.Bank != bank || row.Scheme != "unionpay":
				t.Fatalf("customer %d of %s: the table gives the card to %q, scheme %s", i, bank, row.Bank, row.Scheme)
			case row.Type != card.Type && (bank != "xyz" || c.Kind != "virtual"):
				t.Fatalf("customer %d of %s: a %s card with a prefix for %s", i, bank, card.Type, row.Type)
			case len(card.Number) != int(row.Length):
				t.Fatalf("customer %d of %s: %d digits, want %d", i, bank, len(card.Number), row.Length)
			case row.Offline:
				t.Fatalf("customer %d of %s: a card that can't pay online", i, bank)
			case !row.NoLuhn && !bins.Luhn(card.Number):
				t.Fatalf("customer %d of %s: wrong Luhn digit", i, bank)
			case cards[card.Number] || mobiles[c.Mobile]:
				t.Fatalf("customer %d of %s: the card or the mobile is somebody else's", i, bank)
			case bank == "xyz" && c.Kind == "credit":
				t.Fatalf("customer %d: a credit customer of a bank without credit cards", i)
			}
			cards[card.Number], mobiles[c.Mobile] = true, true
		}
	}
}

// Luhn is checked by other people's numbers, so that the judge of the test above is not our own.
func TestLuhnOfReference(t *testing.T) {
	for _, c := range reference.Cases(t, reference.Dir(t), "luhn/luhn.json") {
		var in struct{ Number string }
		var want struct{ Luhn bool }
		c.Decode(t, &in, &want)
		if got := bins.LuhnDigit(in.Number[:len(in.Number)-1]) == in.Number[len(in.Number)-1]; got != want.Luhn {
			t.Errorf("%s: luhn %v, want %v", c.ID, got, want.Luhn)
		}
	}
}

func TestShapes(t *testing.T) {
	shapes := map[string]*regexp.Regexp{
		"resident_id":      regexp.MustCompile(`^\d{17}[\dX]$`),
		"passport":         regexp.MustCompile(`^[A-Z]\d{8}$`),
		"hk_macao_permit":  regexp.MustCompile(`^[HM]\d{8}$`),
		"taiwan_permit":    regexp.MustCompile(`^\d{8}$`),
		"business_licence": regexp.MustCompile(`^91\d{6}\d{8}[\dX][0-9A-HJ-NP-RTUWXY]$`),
	}
	mobile := regexp.MustCompile(`^\+861[3-9]\d{9}$`)
	seen := map[string]int{}
	dots, rare, compound := 0, 0, 0
	gb18030 := simplifiedchinese.GB18030.NewEncoder()
	for i, c := range of(t, "abc", 7, 10_000) {
		seen[c.Document.Type]++
		card := c.Cards[0]
		switch {
		case !shapes[c.Document.Type].MatchString(c.Document.Number):
			t.Fatalf("customer %d: a %s of another shape", i, c.Document.Type)
		case !mobile.MatchString(c.Mobile):
			t.Fatalf("customer %d: a mobile of another shape", i)
		case card.State != "open" || c.Kind != "virtual" && !card.OnlinePayment:
			t.Fatalf("customer %d (%s) is not in good order", i, c.Kind)
		case card.Type == "debit" && (card.CVV != "" || card.Expiry != ""):
			t.Fatalf("customer %d: a debit card with CVV or expiry", i)
		case card.Type != "debit" && (len(card.CVV) != 3 || card.Expiry < "2027-06" || card.Expiry > "2032-12"):
			t.Fatalf("customer %d: CVV or expiry out of bounds", i)
		}
		if c.Document.Type == "resident_id" {
			born, err := time.ParseInLocation("20060102", c.Document.Number[6:14], profiles.Beijing)
			if err != nil || born.AddDate(18, 0, 0).After(epoch) || born.AddDate(81, 0, 0).Before(epoch) {
				t.Fatalf("customer %d is not 18 to 80", i)
			}
		}
		dots += strings.Count(c.Name, "·")
		if bytes, err := gb18030.String(c.Name); err == nil && len(bytes) > 2*utf8.RuneCountInString(c.Name) {
			rare++
		}
		if strings.HasPrefix(c.Name, "欧阳") {
			compound++
		}
	}
	if len(seen) != len(shapes) || dots == 0 || rare == 0 || compound == 0 {
		t.Errorf("documents %v, dots %d, rare characters %d, compound surnames %d: want some of each", seen, dots, rare, compound)
	}
}

// Check digits are held to other people's numbers first, then used to judge ours.
func TestResidentIDs(t *testing.T) {
	dir := reference.Dir(t)
	valid := 0
	for _, c := range reference.Cases(t, dir, "idcard/citizen_id.json") {
		var in struct{ Number string }
		var want struct{ Valid bool }
		c.Decode(t, &in, &want)
		if !want.Valid || len(in.Number) != 18 {
			continue
		}
		valid++
		if people.CheckDigit(in.Number[:17]) != strings.ToUpper(in.Number)[17] {
			t.Errorf("%s: another check digit", c.ID)
		}
	}
	if dir != "" && valid < 10 {
		t.Errorf("only %d valid numbers in the reference", valid)
	}
	counties := counties(t, dir)
	for i, c := range of(t, "abc", 7, 10_000) {
		n := c.Document.Number
		if c.Document.Type != "resident_id" {
			continue
		}
		if weighted(n) != 1 {
			t.Fatalf("customer %d: wrong check digit", i)
		}
		if counties != nil && !counties[n[:6]] {
			t.Fatalf("customer %d: %s is no county", i, n[:6])
		}
	}
}

// weighted is the definition in GB 11643: the sum of digits times 2^(17-i) leaves 1 modulo 11.
func weighted(number string) int {
	sum := 0
	for i := range len(number) {
		d := strings.IndexByte("0123456789X", number[i])
		sum += d * (1 << (17 - i))
	}
	return sum % 11
}

// counties are the codes of level county that were in use in the 2020s.
func counties(t testing.TB, dir string) map[string]bool {
	if dir == "" {
		return nil
	}
	rows, err := csv.NewReader(strings.NewReader(string(reference.Read(t, dir, "idcard/region_codes.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, row := range rows {
		if row[2] == "county" && row[3] == "y" {
			found[row[0]] = true
		}
	}
	return found
}

func TestLicences(t *testing.T) {
	// A company's own code as it prints it on its pages (from memory): 91330100799655058B.
	if got := people.LicenceDigit("91330100799655058"); got != 'B' {
		t.Errorf("check digit %c, want B", got)
	}
	for i, c := range of(t, "abc", 7, 2000) {
		if n := c.Document.Number; c.Kind == "corporate" && people.LicenceDigit(n[:17]) != n[17] {
			t.Fatalf("customer %d: wrong check digit", i)
		}
	}
}

func TestTooFewNumbers(t *testing.T) {
	small, _, err := bins.Build([]bins.Row{{Prefix: "6228480000", Length: 13, Bank: "abc", Type: "debit", Scheme: "unionpay"}})
	if err != nil {
		t.Fatal(err)
	}
	// 100 numbers with 8 for each customer are enough for 12, and a thirteenth in part.
	if n := len(slices.Collect(people.Of(&profiles.Bank{ID: "abc"}, small, 7, 1000))); n != 13 {
		t.Errorf("%d customers out of 100 numbers, want 13", n)
	}
	none, _, err := bins.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(slices.Collect(people.Of(&profiles.Bank{ID: "abc"}, none, 7, 10))); n != 0 {
		t.Errorf("%d customers of a bank without prefixes", n)
	}
}

func BenchmarkTenThousand(b *testing.B) {
	bank, t := &profiles.Bank{ID: "abc"}, table(b)
	for b.Loop() {
		for c := range people.Of(bank, t, 7, 10_000) {
			_ = c
		}
	}
}
