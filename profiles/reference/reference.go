// Package reference is test support: it finds the reference data that lies
// beside the project, made by others, and reads its files of cases. That data
// is for checking only and is no part of the project; its README says what
// may be copied. No program imports this package.
package reference

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the folder of the reference data: the one that KAQIAO_REFERENCE
// names, else ../shared/reference beside the folder of go.mod. Where there is
// none the test fails if CI is true; elsewhere Dir returns "" and the test's
// log says what is left out.
func Dir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("KAQIAO_REFERENCE")
	if dir == "" {
		dir = beside(t)
	}
	if info, err := os.Stat(dir); dir != "" && err == nil && info.IsDir() {
		return dir
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("the reference data is missing: set KAQIAO_REFERENCE to its folder")
	}
	t.Log("left out: all cases of the reference data, whose folder was not found (KAQIAO_REFERENCE may name it)")
	return ""
}

// beside returns ../shared/reference as seen from the nearest folder upwards that holds go.mod, or "".
func beside(t testing.TB) string {
	t.Helper()
	at, err := os.Getwd()
	if err != nil {
		t.Fatalf("find the repository's root: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return filepath.Join(at, "..", "shared", "reference")
		}
		up := filepath.Dir(at)
		if up == at {
			return ""
		}
		at = up
	}
}

// Case is one case of a file. What Input and Expected hold differs by file.
type Case struct {
	ID       string          `json:"id"`
	Source   string          `json:"source"`
	Input    json.RawMessage `json:"input"`
	Expected json.RawMessage `json:"expected"`
}

// Decode reads the case's two sides into what the pointers point at; keys that these lack are passed over.
func (c Case) Decode(t testing.TB, input, expected any) {
	t.Helper()
	if err := json.Unmarshal(c.Input, input); err != nil {
		t.Fatalf("case %s: input: %v", c.ID, err)
	}
	if err := json.Unmarshal(c.Expected, expected); err != nil {
		t.Fatalf("case %s: expected: %v", c.ID, err)
	}
}

// Cases reads the cases of one file of the folder that Dir returned, such as
// sm_crypto/sm2.json. It returns none where dir is "", and fails the test
// where a file has none.
func Cases(t testing.TB, dir, file string) []Case {
	t.Helper()
	if dir == "" {
		return nil
	}
	text := Read(t, dir, file)
	var set struct {
		Cases []Case `json:"cases"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if len(set.Cases) == 0 {
		t.Fatalf("%s: no cases", file)
	}
	for _, c := range set.Cases {
		if c.ID == "" || c.Source == "" || c.Input == nil || c.Expected == nil {
			t.Fatalf("%s: case %q lacks its id, source, input or expected", file, c.ID)
		}
	}
	return set.Cases
}

// Read returns one file of the folder that Dir returned, or nil where dir is "".
func Read(t testing.TB, dir, file string) []byte {
	t.Helper()
	if dir == "" {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
