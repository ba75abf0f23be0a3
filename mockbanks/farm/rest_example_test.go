package farm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The manual's second example binds a card abroad with no code of ours.
func TestAStrangerAsksForAMandateWithTheExample(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "openssl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Logf("left out: %v", err)
			return
		}
	}
	a := startAbroad(t, "base64url", "", nil)
	keys := filepath.Join(foreignKeys.dir, "hsbc")
	cmd := exec.CommandContext(t.Context(), "bash", "../examples/jws.sh", "hsbc") //nolint:gosec // our own example
	cmd.Env = append(os.Environ(), "KEYS="+keys, "SIGN_KEY="+filepath.Join(keys, "gateway.key"), "KID=gw1",
		"BANK_URL="+strings.TrimSuffix(a.base, "/"), "FARM="+a.farm.ControlURL(), "no_proxy=127.0.0.1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := regexp.MustCompile(`^consent: Received
the bank's people say yes: 204
query: Approved HSBC\d+
$`)
	if !want.Match(out) {
		t.Errorf("it says\n%s", out)
	}
}
