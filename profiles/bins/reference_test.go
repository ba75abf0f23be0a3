package bins_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"kaqiao/profiles/bins"
	"kaqiao/profiles/reference"
)

// origin are the reference's names of the card types.
func origin() map[string]string {
	return map[string]string{"DC": "debit", "CC": "credit", "SCC": "semi_credit", "PC": "prepaid"}
}

// disagreed are the prefixes, with card length, on which public tables contradict each other.
func disagreed(t *testing.T, dir string) map[string]bool {
	t.Helper()
	var file struct {
		Cases []struct {
			BIN    string      `json:"bin"`
			Length json.Number `json:"length"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(reference.Read(t, dir, "bins/known_disagreements.json"), &file); err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, c := range file.Cases {
		set[c.BIN+"/"+c.Length.String()] = true
	}
	if len(set) < 100 {
		t.Fatalf("%d disagreements were read: the file has another form", len(set))
	}
	return set
}

func TestReferenceCards(t *testing.T) {
	dir := reference.Dir(t)
	if dir == "" {
		return
	}
	table, skip := shipped(t), disagreed(t, dir)
	judged := 0
	for _, c := range reference.Cases(t, dir, "bins/bin_cases.json") {
		var in struct {
			PAN      string `json:"pan"`
			SkipLuhn bool   `json:"skipLuhn"`
		}
		var want struct {
			BIN      string `json:"bin"`
			Length   int    `json:"length"`
			BankCode string `json:"bankCode"`
			Type     string `json:"type"`
			NotFound bool   `json:"notFound"`
		}
		c.Decode(t, &in, &want)
		row, ok := table.Lookup(in.PAN)
		if skip[row.Prefix+"/"+strconv.Itoa(int(row.Length))] {
			continue
		}
		judged++
		switch {
		case ok == want.NotFound:
			t.Errorf("%s: found %v", c.ID, ok)
		case row.Table != want.BankCode:
			t.Errorf("%s: bank %s, want %s", c.ID, row.Table, want.BankCode)
		case want.BIN != "" && (row.Prefix != want.BIN || int(row.Length) != want.Length):
			t.Errorf("%s: row %s of %d digits, want %s of %d", c.ID, row.Prefix, row.Length, want.BIN, want.Length)
		case want.Type != "" && row.Type != origin()[want.Type]:
			t.Errorf("%s: type %s, want %s", c.ID, row.Type, want.Type)
		case !in.SkipLuhn && !bins.Luhn(in.PAN):
			t.Errorf("%s: Luhn fails", c.ID)
		}
	}
	if judged < 100 {
		t.Errorf("only %d cases were judged", judged)
	}
}

func TestReferenceLuhn(t *testing.T) {
	passed, failed := 0, 0
	dir := reference.Dir(t)
	for _, c := range reference.Cases(t, dir, "luhn/luhn.json") {
		var in struct{ Number string }
		var want struct{ Luhn bool }
		c.Decode(t, &in, &want)
		if got := bins.Luhn(in.Number); got != want.Luhn {
			t.Errorf("%s: %v, want %v", c.ID, got, want.Luhn)
		}
		if want.Luhn {
			passed++
		} else {
			failed++
		}
	}
	if dir != "" && (passed == 0 || failed == 0) {
		t.Errorf("%d numbers that pass and %d that don't: nothing was shown", passed, failed)
	}
}
