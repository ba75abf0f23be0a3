package flow

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kaqiao/profiles"
	"kaqiao/profiles/reference"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, profiles.Beijing)

func TestNormaliseName(t *testing.T) {
	for name, want := range map[string]string{
		"张三":             "张三",
		" 张 三\u3000":     "张三",
		"穆拉提·马木提":        "穆拉提·马木提",
		"穆拉提•马木提":        "穆拉提·马木提",
		"穆拉提‧马木提":        "穆拉提·马木提",
		"穆拉提∙马木提":        "穆拉提·马木提",
		"穆拉提⋅马木提":        "穆拉提·马木提",
		"穆拉提・马木提":        "穆拉提·马木提",
		"穆拉提･马木提":        "穆拉提·马木提",
		"穆拉提．马木提":        "穆拉提·马木提",
		"穆拉提.马木提":        "穆拉提·马木提",
		"穆拉提 · 马木提":      "穆拉提·马木提",
		"朱镕基":            "朱镕基",
		"㛃𠮷䶮":            "㛃𠮷䶮", // rare characters stay: four bytes in GB 18030, beyond GBK
		"\uF9D1〇":        "六〇",  // a compatibility ideograph is the character that it stands for
		"ma benzhai":     "MA BENZHAI",
		"Ｍａ　Ｂｅｎｚｈａｉ":     "MA BENZHAI",
		"MA,  Benzhai":   "MA BENZHAI",
		"Mǎ Běnzhāi":     "MA BENZHAI",
		"Lǚ Bù":          "LYU BU",
		"LÜ MENGZHENG":   "LYU MENGZHENG",
		"Lu\u0308 Bu":    "LYU BU",
		"benzhai MA":     "BENZHAI MA", // the order is the person's own
		"O’Neil Mary-Jo": "O'NEIL MARY-JO",
		"José Müller":    "JOSE MULLER",
		"VAN DER VELDEN": "VAN DER VELDEN",
	} {
		if got, ok := normaliseName(name); !ok || got != want {
			t.Errorf("%q: got %q, %v, want %q", name, got, ok, want)
		}
	}
	for why, name := range map[string]string{
		"empty": "", "blank": "   ", "one character": "张", "digits": "张3", "full-width digits": "李４", "latin digits": "MA 2ND",
		"emoji": "张😀", "control": "张\x00三", "tab": "张\t三", "newline": "MA\nBENZHAI", "not UTF-8": "张\xff", "mixed": "张San",
		"dot first": "·张三", "dot last": "张三·", "two dots": "穆拉提··马木提", "cyrillic": "Иван", "kana": "さくら", "markup": "<b>张三</b>",
		"too long": strings.Repeat("张", 51), "far too long": strings.Repeat("张", 5000), "zero width": "张\u200b三", "hyphen last": "MA-",
		"right to left": "张\u202e三", "variation selector": "葛\U000E0100飾",
	} {
		if got, ok := normaliseName(name); ok {
			t.Errorf("%s: became %q", why, got)
		}
	}
	if got, ok := normaliseName(strings.Repeat("张", 50)); !ok || len(got) != 150 {
		t.Error("fifty characters are refused")
	}
}

// Normalising twice is normalising once, and never panics.
func TestNormaliseNameIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("张三·•．. MabǚüÜLN'-,　")), 0, 12, -1)).Draw(t, "name")
		once, ok := normaliseName(name)
		if !ok {
			return
		}
		if twice, ok := normaliseName(once); !ok || twice != once {
			t.Fatalf("%q became %q, then %q", name, once, twice)
		}
	})
}

func TestCheckDocument(t *testing.T) {
	for _, c := range []struct {
		documentType, number string
		ok                   bool
	}{
		{"resident_id", "11010119900307109X", true},
		{"resident_id", "11010119900307109x", true},
		{"resident_id", "110101199003071090", false}, // check character
		{"resident_id", "110101199002301092", false}, // 30 February
		{"resident_id", "110101199003071", false},    // the first generation: banks take none any more
		{"resident_id", "", false},
		{"hk_macao_permit", "H01234567", true},
		{"hk_macao_permit", "m0123456702", true},
		{"hk_macao_permit", "A01234567", false},
		{"hk_macao_permit", "H012345678", false},
		{"taiwan_permit", "12345678", true},
		{"taiwan_permit", "1234567890", true},
		{"taiwan_permit", "123456789", false},
		{"passport", "E12345678", true},
		{"passport", "N1234567", true},
		{"passport", "ABCDEFGH", false},
		{"passport", "E123 5678", false},
		{"passport", "E1", false},
		{"foreign_residence", "FRA110080010101", true},
		{"foreign_residence", "FRA11008001010", false},
		{"business_licence", "91350100M000100Y43", true}, // printed in GB 32100-2015
		{"business_licence", "91350100M000100Y44", false},
		{"business_licence", "91350100I000100Y43", false}, // I is no letter of it
		{"library_card", "1", false},
	} {
		number, fields := checkDocument(c.documentType, c.number, noon)
		if (fields == nil) != c.ok || (c.ok && number != strings.ToUpper(c.number)) {
			t.Errorf("%s: got %v, want ok %v", c.documentType, fields, c.ok)
		}
		for _, f := range fields {
			if c.number != "" && len(c.number) > 2 && strings.Contains(f.Message, c.number) {
				t.Errorf("%s: the message quotes the number", c.documentType)
			}
		}
	}
}

// A changed digit is noticed, and a person is not born tomorrow.
func TestResidentIDCheck(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		born := noon.AddDate(0, 0, -rapid.IntRange(-10, 36500).Draw(t, "days"))
		seventeen := "110101" + born.Format("20060102") + "001"
		var number string
		for _, last := range "0123456789X" {
			if n := seventeen + string(last); isCitizenNumber(n, noon.AddDate(1, 0, 0)) {
				number = n
			}
		}
		if number == "" {
			t.Fatal("no check character fits")
		}
		if got := isResidentID(number, noon); got == born.After(noon) {
			t.Fatalf("born %s: %v", born.Format("2006-01-02"), got)
		}
		i := rapid.IntRange(0, 16).Draw(t, "place")
		digit := byte('0' + (int(number[i]-'0')+rapid.IntRange(1, 9).Draw(t, "by"))%10)
		if changed := number[:i] + string(digit) + number[i+1:]; isCitizenNumber(changed, noon) {
			t.Fatalf("a changed digit at %d passes", i)
		}
	})
}

type referenceCase struct {
	ID    string
	Input struct {
		Number, DocType, Name string
	}
	Expected struct {
		Valid     *bool
		Canonical string
	}
	Note string
}

func referenceCases(t *testing.T, name ...string) []referenceCase {
	t.Helper()
	dir := reference.Dir(t)
	if dir == "" {
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(append([]string{dir}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []referenceCase }
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Cases) == 0 {
		t.Fatalf("%d cases, %v", len(file.Cases), err)
	}
	return file.Cases
}

// Numbers from other people's test suites. They are never printed.
func TestCitizenNumbersOfOthers(t *testing.T) {
	for _, c := range referenceCases(t, "idcard", "citizen_id.json") {
		if c.Expected.Valid == nil || strings.HasPrefix(c.Note, "address code") || strings.Contains(c.Note, "not in GB/T 2260") {
			continue // the county is not checked: lists of counties age
		}
		n := strings.ToUpper(c.Input.Number)
		if len(n) == 15 && *c.Expected.Valid {
			continue // a first-generation number: no longer taken
		}
		if got := isCitizenNumber(n, noon); got != *c.Expected.Valid {
			t.Errorf("case of %d characters (%s): got %v", len(n), c.Note, got)
		}
	}
}

func TestDocumentsOfOthers(t *testing.T) {
	types := map[string]string{"中国护照": "passport", "台湾居民来往大陆通行证": "taiwan_permit", "港澳居民来往内地通行证": "hk_macao_permit"}
	for _, c := range referenceCases(t, "idcard", "other_documents.json") {
		documentType, ours := types[c.Input.DocType]
		if !ours || c.Expected.Valid == nil || (documentType == "passport" && !*c.Expected.Valid) {
			continue // what is no Chinese passport may be another country's
		}
		if _, fields := checkDocument(documentType, c.Input.Number, noon); (fields == nil) != *c.Expected.Valid {
			t.Errorf("%s of %d characters: got %v", documentType, len(c.Input.Number), fields)
		}
	}
}

func TestNamesOfOthers(t *testing.T) {
	for _, c := range referenceCases(t, "names", "gb_names.json") {
		if c.Input.Name == "" {
			continue
		}
		want := c.Expected.Canonical
		if want == "" {
			if strings.ContainsAny(c.Input.Name, "0123456789") {
				continue
			}
			want = c.Input.Name
		}
		if got, ok := normaliseName(c.Input.Name); !ok || got != want {
			t.Errorf("%s: got %q, %v, want %q", c.ID, got, ok, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		v, than string
		older   bool
	}{
		{"4.4.4", "5.0", true}, {"5", "5.0", false}, {"5.0", "5", false}, {"5.0.0.1", "5.0", false}, {"10.0", "9.9", false},
		{"9.3.5", "10.0", true}, {"14", "5.0", false}, {"8.0.9", "8.0.10", true}, {"8.0.50", "8.0.5", false},
	} {
		v, ok := parseVersion(c.v)
		than, ok2 := parseVersion(c.than)
		if !ok || !ok2 || older(v, than) != c.older {
			t.Errorf("%s older than %s: want %v", c.v, c.than, c.older)
		}
	}
	for _, bad := range []string{"", ".", "5.", "5.x", "-1", "+5", "1.2.3.4.5.6.7.8.9", "99999999999999999999", " 5"} {
		if v, ok := parseVersion(bad); ok {
			t.Errorf("%q became %v", bad, v)
		}
	}
}

func TestCheckTerminal(t *testing.T) {
	need := profiles.Terminal{Android: "5.0", IOS: "10.0", Harmony: "2.0", Client: "8.0.10"}
	for _, c := range []struct {
		terminal Terminal
		want     string
	}{
		{Terminal{OS: "android", OSVersion: "5.0", ClientVersion: "8.0.10"}, ""},
		{Terminal{OS: "android", OSVersion: "4.4", ClientVersion: "8.0.10"}, "os_too_old"},
		{Terminal{OS: "ios", OSVersion: "10", ClientVersion: "8.0.10"}, ""},
		{Terminal{OS: "ios", OSVersion: "9.3.5", ClientVersion: "8.0.10"}, "os_too_old"},
		{Terminal{OS: "harmony", OSVersion: "2.0.1", ClientVersion: "8.1"}, ""},
		{Terminal{OS: "harmony", OSVersion: "1.1", ClientVersion: "8.1"}, "os_too_old"},
		{Terminal{OS: "harmony", OSVersion: "3", ClientVersion: "8.1", RestrictedMode: true}, "restricted_mode"},
		{Terminal{OS: "android", OSVersion: "14", ClientVersion: "8.0.9"}, "client_too_old"},
		{Terminal{OS: "android", OSVersion: "14"}, "client_too_old"},
		{Terminal{OS: "android", OSVersion: "14", ClientVersion: "eight"}, "validation"},
		{Terminal{OS: "", OSVersion: "14", ClientVersion: "9"}, "validation"},
	} {
		got := ""
		found := checkTerminal(c.terminal, need)
		if p := found.problem(); p != nil {
			got = string(p.Reason)
			if len(p.Fields) != 1 {
				t.Errorf("%+v: names %v", c.terminal, p.Fields)
			}
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.terminal, got, c.want)
		}
	}
}
