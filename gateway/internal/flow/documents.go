package flow

import (
	"regexp"
	"strings"
	"time"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
)

// rule is the form of one type of document.
type rule struct {
	ok      func(number string, now time.Time) bool
	message string
}

// The forms without a check digit. Sources: public descriptions of the documents (memory).
var (
	passportForm   = regexp.MustCompile(`^[A-Z0-9]{5,15}$`)
	hkMacaoForm    = regexp.MustCompile(`^[HM]([0-9]{8}|[0-9]{10})$`)
	taiwanForm     = regexp.MustCompile(`^([0-9]{8}|[0-9]{10})$`)
	oldForeignForm = regexp.MustCompile(`^[A-Z]{3}[0-9]{12}$`)
)

func rules() map[string]rule {
	return map[string]rule{
		"resident_id": {isResidentID, "must be a valid resident identity number of 18 characters"},
		"passport":    {isPassport, "must be a passport number: 5 to 15 letters and digits"},
		"hk_macao_permit": {func(n string, _ time.Time) bool { return hkMacaoForm.MatchString(n) },
			"must be H or M and 8 or 10 digits"},
		"taiwan_permit": {func(n string, _ time.Time) bool { return taiwanForm.MatchString(n) },
			"must be 8 or 10 digits"},
		"hk_macao_taiwan_residence": {isHMTResidence, "must be a valid residence permit number of 18 characters that begins with 81, 82 or 83"},
		"foreign_residence":         {isForeignResidence, "must be a valid number of 18 characters that begins with 9, or 3 letters and 12 digits"},
		"business_licence":          {isBusinessLicence, "must be a valid unified social credit code of 18 characters"},
	}
}

// checkDocument returns the number as banks keep it, or the field at fault.
func checkDocument(documentType, number string, now time.Time) (string, []op.Field) {
	number = strings.ToUpper(strings.TrimSpace(number))
	r, known := rules()[documentType]
	if !known {
		return "", []op.Field{{Pointer: "/holder/document/type", Message: "must be a known type of document"}}
	}
	if !r.ok(number, now) {
		return "", []op.Field{{Pointer: "/holder/document/number", Message: r.message}}
	}
	return number, nil
}

// isResidentID: GB 11643, with a province of the mainland or an old one of Taiwan's.
func isResidentID(n string, now time.Time) bool {
	return isCitizenNumber(n, now) && strings.Contains("11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71", n[:2])
}

// isHMTResidence: the residence permits of 2018 carry numbers of the same form.
func isHMTResidence(n string, now time.Time) bool {
	return isCitizenNumber(n, now) && (n[:6] == "810000" || n[:6] == "820000" || n[:6] == "830000")
}

// isForeignResidence: the card of 2023 carries a number of the same form that
// begins with 9, the place of application and the country; the older one three letters and twelve digits.
func isForeignResidence(n string, now time.Time) bool {
	return oldForeignForm.MatchString(n) || (isCitizenNumber(n, now) && n[0] == '9')
}

// isCitizenNumber checks length, date of birth and check character (ISO 7064 MOD 11-2).
func isCitizenNumber(n string, now time.Time) bool {
	if len(n) != 18 || !isDigits(n[:17]) {
		return false
	}
	born, err := time.ParseInLocation("20060102", n[6:14], profiles.Beijing)
	if err != nil || born.Year() < 1850 || born.After(now) {
		return false
	}
	rest := 0
	for i := range 17 {
		rest = (rest + int(n[i]-'0')) * 2 % 11
	}
	return n[17] == "10X98765432"[rest%11]
}

// isPassport: a Chinese passport has a form of its own, but whose it is the
// number does not say, so what looks Chinese and is not is a foreign one.
func isPassport(n string, _ time.Time) bool {
	return passportForm.MatchString(n) && strings.ContainsAny(n, "0123456789")
}

// isBusinessLicence: GB 32100, a check character over 17 (MOD 31).
func isBusinessLicence(n string, _ time.Time) bool {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	if len(n) != 18 {
		return false
	}
	sum, weight := 0, 1
	for i := range 17 {
		v := strings.IndexByte(alphabet, n[i])
		if v < 0 {
			return false
		}
		sum += v * weight
		weight = weight * 3 % 31
	}
	return n[17] == alphabet[(31-sum%31)%31]
}
