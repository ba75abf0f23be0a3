package people

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"kaqiao/mockbanks/internal/ledger"
)

// person invents a name and the document that goes with it.
func person(kind string, r *rand.Rand) (string, ledger.Document) {
	switch kind {
	case "foreign":
		return latinName(r), ledger.Document{Type: "passport", Number: string(rune('A'+r.IntN(26))) + digits(r, 8)}
	case "corporate":
		return companyName(r), ledger.Document{Type: "business_licence", Number: licence(r)}
	case "hk_macao_taiwan":
		return chineseName(r), permit(r)
	}
	return chineseName(r), ledger.Document{Type: "resident_id", Number: residentID(r)}
}

// permit is a travel permit of the cards in use: H or M and 8 digits for Hong
// Kong and Macao (since 2013), 8 digits for Taiwan (since 2015).
func permit(r *rand.Rand) ledger.Document {
	switch r.IntN(3) {
	case 0:
		return ledger.Document{Type: "hk_macao_permit", Number: "H" + digits(r, 8)}
	case 1:
		return ledger.Document{Type: "hk_macao_permit", Number: "M" + digits(r, 8)}
	}
	return ledger.Document{Type: "taiwan_permit", Number: digits(r, 8)}
}

// residentID is a number of GB 11643: region, birthday, sequence, check digit.
// Its owner is 18 to 80 years old from 2026 to 2028.
func residentID(r *rand.Rand) string {
	first := time.Date(1949, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(2007, 12, 31, 0, 0, 0, 0, time.UTC)
	days := int(last.Sub(first)/(24*time.Hour)) + 1
	birthday := first.AddDate(0, 0, r.IntN(days))
	body := regions[r.IntN(len(regions))] + birthday.Format("20060102") + fmt.Sprintf("%03d", 1+r.IntN(999))
	return body + string(checkDigit(body))
}

// checkDigit is that of ISO 7064 MOD 11-2 over 17 digits; 10 is written X.
func checkDigit(body string) byte {
	rest := 0
	for i := range len(body) {
		rest = (rest + int(body[i]-'0')) * 2 % 11
	}
	return "0123456789X"[(12-rest)%11]
}

// The alphabet and weights of unified social credit codes, GB 32100-2015: no I, O, S, V, Z.
const licenceDigits = "0123456789ABCDEFGHJKLMNPQRTUWXY"

var licenceWeights = [...]int{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28}

// licence is the unified social credit code of a company (91), with its check
// digits: that of the organisation's number inside (GB 11714) and its own.
func licence(r *rand.Rand) string {
	organisation := digits(r, 8)
	sum := 0
	for i, weight := range [...]int{3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(organisation[i]-'0') * weight
	}
	body := "91" + regions[r.IntN(len(regions))] + organisation + string("0123456789X0"[11-sum%11])
	return body + string(licenceDigit(body))
}

func licenceDigit(body string) byte {
	sum := 0
	for i, weight := range licenceWeights {
		sum += strings.IndexByte(licenceDigits, body[i]) * weight
	}
	return licenceDigits[(31-sum%31)%31]
}

func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return string(b)
}

// regions are county codes of GB/T 2260 that are in use.
var regions = [...]string{
	"110101", "110105", "110108", "120101", "120104", "130102", "130203", "140105", "150102", "210102",
	"210202", "220102", "230102", "230103", "310101", "310104", "310105", "310109", "310115", "320102",
	"320106", "320505", "330102", "330106", "330203", "330302", "340103", "340104", "350102", "350203",
	"360102", "370102", "370202", "370203", "410102", "410105", "420102", "420106", "430102", "430104",
	"440103", "440104", "440106", "440303", "440304", "440305", "450103", "460105", "500103", "500112",
	"510104", "510105", "510107", "520102", "520103", "530102", "540102", "610102", "610103", "620102",
	"630102", "640104", "650102", "650103",
}
