package farm_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kaqiao/profiles"
)

// The example of the manual binds a card with no code of ours.
func TestAStrangerBindsWithTheExample(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "openssl", "perl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Logf("left out: %v", err)
			return
		}
	}
	w := start(t, nil)
	cmd := exec.CommandContext(t.Context(), "bash", "../examples/epcc.sh", "abc") //nolint:gosec // our own example
	cmd.Env = append(os.Environ(), "KEYS="+filepath.Join(w.keys, "nucc"), "HUB=https://"+w.farm.Address("nucc")+"/preSvr",
		"FARM="+w.farm.ControlURL(), "MEMBER="+abc, "no_proxy=127.0.0.1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := regexp.MustCompile(`(?s)^epcc\.101\.001\.01 → epcc\.102\.001\.01 SysRtnCd=00000000 BizStsCd=00000000 SgnNo=  seal: Signature Verified Successfully
the customer's telephone shows \d{6}
epcc\.101\.001\.01 → epcc\.102\.001\.01 SysRtnCd=00000000 BizStsCd=00000000 SgnNo=(ABC\d+)  seal: Signature Verified Successfully
epcc\.301\.001\.01 → epcc\.302\.001\.01 SysRtnCd=00000000 BizStsCd=00000000 SgnNo=(ABC\d+)  seal: Signature Verified Successfully
$`)
	found := want.FindSubmatch(out)
	if found == nil || string(found[1]) != string(found[2]) {
		t.Errorf("it says\n%s", out)
	}
}

// The other example signs on over a long line.
func TestAStrangerSignsOnWithTheExample(t *testing.T) {
	w := startLines(t)
	host, port, err := net.SplitHostPort(w.farm.Address("njcb"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "bash", "../examples/iso8583.sh", host, port, member).CombinedOutput() //nolint:gosec // our own example
	if want := "0820 001 sign-on → 0830 001 field 39 00\n0820 301 echo → 0830 301 field 39 00\n"; err != nil || string(out) != want {
		t.Errorf("%v\n%s", err, out)
	}
}

// The manual's tables name what there is, all of it and nothing else.
func TestTheManualIsWhole(t *testing.T) {
	manual := read(t, "../README.md")
	same(t, "routes", find(manual, "`((?:GET|PUT|POST|DELETE) /[^` ]*)`"), find(read(t, "control.go"), `"((?:GET|PUT|POST|DELETE) /[^"]*)"`))
	same(t, "faults", find(manual, "(?m)^\\| `([a-z]+(?:_[a-z0-9]+)*)` \\| (?:yes|no) "), profiles.FaultKinds())
	responses := map[string]string{}
	for _, m := range regexp.MustCompile(`(Response\w+) += "(\w\w)"`).FindAllStringSubmatch(read(t, "../../profiles/wire/iso8583/responses.go"), -1) {
		responses[m[1]] = m[2]
	}
	var used []string
	for _, file := range []string{"codes", "teller", "network", "request", "reversal"} {
		text := read(t, "../internal/teller/iso8583/"+file+".go")
		for _, name := range find(text, `iso8583\.(Response\w+)`) {
			used = append(used, responses[name])
		}
		used = append(used, find(text, `= "(\d\d)"`)...)
	}
	same(t, "field 39", find(manual[strings.Index(manual, "### Field 39"):], `(?m)^\| (\d\d|A0) `), used)
	codes := `\b([A-Z]{2}\d{3}[\dX]\d{2}|0{8})\b`
	same(t, "codes", find(manual[strings.Index(manual, "## Codes"):], codes), find(read(t, "../internal/teller/epcc/codes.go"), codes))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // a file of the repository
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func find(text, pattern string) (found []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

func same(t *testing.T, what string, told, real []string) {
	t.Helper()
	inManual, there := map[string]bool{}, map[string]bool{}
	for _, name := range told {
		inManual[name] = true
	}
	for _, name := range real {
		there[name] = true
		if !inManual[name] {
			t.Errorf("%s: the manual lacks %s", what, name)
		}
	}
	for name := range inManual {
		if !there[name] {
			t.Errorf("%s: the manual has %s, which isn't there", what, name)
		}
	}
	if len(there) == 0 {
		t.Errorf("%s: none found", what)
	}
}
