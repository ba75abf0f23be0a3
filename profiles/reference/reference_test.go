package reference_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"kaqiao/profiles/reference"
)

func TestCasesReadAFileAndItsCases(t *testing.T) {
	dir := t.TempDir()
	text := `{"about":"two","cases":[{"id":"a","source":"s","input":{"x":"1"},"expected":{"y":true},"verified":"no"},{"id":"b","source":"s","input":"bare","expected":false}]}`
	if err := os.WriteFile(filepath.Join(dir, "two.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KAQIAO_REFERENCE", dir)
	cases := reference.Cases(t, reference.Dir(t), "two.json")
	if len(cases) != 2 || cases[0].ID != "a" || cases[1].ID != "b" {
		t.Fatalf("cases: %+v", cases)
	}
	var in struct{ X string }
	var want struct{ Y bool }
	cases[0].Decode(t, &in, &want)
	if in.X != "1" || !want.Y {
		t.Errorf("first case: %+v %+v", in, want)
	}
	var bare string
	var truth bool
	cases[1].Decode(t, &bare, &truth)
	if bare != "bare" || truth {
		t.Errorf("second case: %q %v", bare, truth)
	}
}

func TestDirMissing(t *testing.T) {
	t.Setenv("KAQIAO_REFERENCE", filepath.Join(t.TempDir(), "absent"))
	t.Setenv("CI", "")
	if dir := reference.Dir(t); dir != "" {
		t.Errorf("outside CI: %q, want nothing", dir)
	}
	if cases := reference.Cases(t, "", "any.json"); cases != nil {
		t.Errorf("cases without a folder: %v", cases)
	}

	t.Setenv("CI", "true")
	fatal := &recorder{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); reference.Dir(fatal) }()
	<-done
	if !fatal.failed {
		t.Error("in CI the missing folder did not fail the test")
	}
}

// recorder is a test that notes its failure instead of failing.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()    {}
func (r *recorder) Log(...any) {}
func (r *recorder) Fatal(...any) {
	r.failed = true
	runtime.Goexit()
}
