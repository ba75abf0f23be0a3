package profiles_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kaqiao/profiles"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A person who wrote a bad set sees this, all of it at once.
func TestBrokenSet(t *testing.T) {
	_, err := profiles.Load(os.DirFS("testdata/broken"), profiles.LoadOptions{Env: []string{
		"KAQIAO_BANKS_ICBC_LIMITS_PER_SECOND=none", "KAQIAO_BANKS_HSBC_TIER=foreign",
	}})
	if err == nil {
		t.Fatal("taken")
	}
	got := err.Error() + "\n"
	if *update {
		must(t, os.WriteFile("testdata/broken.golden", []byte(got), 0o600))
	}
	want, err := os.ReadFile("testdata/broken.golden")
	must(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
	for _, secret := range []string{"MIGHAgEAMBMGByqGSM49", "user:pass"} {
		if strings.Contains(got, secret) {
			t.Errorf("the faults quote %s", secret)
		}
	}
}
