package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
)

// What the gateway keeps and says holds nothing of a customer: its files, its
// logs, its metrics. Cards, documents, mobiles and names are looked for as they
// are. Codes and CVVs are so short that they occur by chance: as many that
// nobody ever used are looked for beside them, and the two counts compared.
func TestTheGatewayKeepsNoSecrets(t *testing.T) {
	p := startPair(t)
	var people []control.Customer
	var codes []string
	for _, kind := range []string{"debit", "credit"} {
		for i, c := range p.customers(t, "abc", kind, 12) {
			people = append(people, c)
			a, err := p.client.Create(t.Context(), request(c), client.NewKey())
			if err != nil {
				t.Fatal(err)
			}
			code := p.code(t, "abc", c, "").Code.Reveal()
			codes = append(codes, code)
			switch i % 4 {
			case 0: // left where it is
			case 1:
				if _, err := p.client.Confirm(t.Context(), a.ID, confirmation(a, c, wrongCode(code)), client.NewKey()); err == nil {
					t.Error("a wrong code was taken")
				}
			case 2:
				p.confirmUntilActive(t, a, c, code)
			case 3:
				p.confirmUntilActive(t, a, c, code)
				p.revokeUntilRevoked(t, a.ID)
			}
		}
	}
	metrics, _ := p.call(t, http.MethodGet, "/metrics", "")
	for _, stage := range []string{"running", "stopped"} {
		kept := filesIn(t, p.gatewayDir)
		kept["log"] = p.logs.bytes()
		kept["metrics"] = metrics
		scan(t, stage, kept, people, codes)
		if stage == "running" {
			p.stopGateway()
		}
	}
}

// filesIn are the files of a folder by their path.
func filesIn(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // the test's own folder
		files[path] = text
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	return files
}

func scan(t *testing.T, stage string, kept map[string][]byte, people []control.Customer, codes []string) {
	t.Helper()
	for where, text := range kept {
		for i, c := range people {
			for what, value := range map[string]string{
				"card": c.Cards[0].Number.Reveal(), "document": c.Document.Number.Reveal(),
				"mobile": strings.TrimPrefix(c.Mobile.Reveal(), "+86"), "name": c.Name.Reveal(),
			} {
				// A name of two characters has six bytes; that is long enough not to occur by chance.
				if bytes.Contains(text, []byte(value)) {
					t.Errorf("%s: %s holds the %s of customer %d", stage, where, what, i)
				}
			}
		}
		var cvvs []string
		for _, c := range people {
			if cvv := c.Cards[0].CVV.Reveal(); cvv != "" {
				cvvs = append(cvvs, cvv)
			}
		}
		for what, used := range map[string][]string{"codes": codes, "CVVs": cvvs} {
			if wrong := suspicious(text, used); wrong != "" {
				t.Errorf("%s: %s: %s: %s", stage, where, what, wrong)
			}
		}
	}
}

var digits = regexp.MustCompile(`[0-9]+`)

// suspicious compares how often used values stand in a text, as whole runs of
// digits, with how often decoys of the same length do.
func suspicious(text []byte, used []string) string {
	if len(used) == 0 {
		return ""
	}
	count := map[string]int{}
	for _, run := range digits.FindAll(text, -1) {
		count[string(run)]++
	}
	taken := map[string]bool{}
	hits := 0
	for _, v := range used {
		taken[v] = true
		hits += min(count[v], 1)
	}
	const sets = 50
	decoys, r := 0, rand.New(rand.NewPCG(1, 2)) //nolint:gosec // chance that must repeat
	for range sets * len(used) {
		decoy := fmt.Sprintf("%0*d", len(used[0]), r.IntN(pow10(len(used[0]))))
		if !taken[decoy] {
			decoys += min(count[decoy], 1)
		}
	}
	expected := float64(decoys) / sets
	if float64(hits) > 2*expected+2 {
		return fmt.Sprintf("%d of %d are there, of as many that nobody used %.2f", hits, len(used), expected)
	}
	return ""
}

func pow10(n int) (p int) {
	for p = 1; n > 0; n-- {
		p *= 10
	}
	return p
}

func wrongCode(code string) string {
	last := code[len(code)-1]
	return code[:len(code)-1] + string('0'+(last-'0'+1)%10)
}

// The scan on trial: it must find what is there, in a file full of digits.
func TestScanFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // chance that must repeat
	var noise strings.Builder
	for range 20_000 {
		fmt.Fprintf(&noise, "%d ", r.IntN(1_000_000))
	}
	var used []string
	for range 24 {
		used = append(used, fmt.Sprintf("%06d", r.IntN(1_000_000)))
	}
	if wrong := suspicious([]byte(noise.String()), used); wrong != "" {
		t.Errorf("noise alone: %s", wrong)
	}
	leak := noise.String() + strings.Join(used[:6], ",")
	if suspicious([]byte(leak), used) == "" {
		t.Error("six of 24 codes in the text are not found")
	}
}
