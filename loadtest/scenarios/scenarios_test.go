package scenarios

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("attack", pflag.ContinueOnError)
	f.Float64("rate", 20, "")
	f.Duration("for", 0, "")
	f.Bool("think", false, "")
	for _, name := range []string{"stages", "banks", "mix", "platform", "failures", "failing"} {
		f.String(name, "", "")
	}
	f.Uint64("seed", 1, "")
	f.Int("in-flight", 1, "")
	f.Duration("drain", 0, "")
	f.Bool("fail-on-missed", false, "")
	return f
}

func TestEveryShippedScenarioIsValid(t *testing.T) {
	names := strings.Split(Names(), ", ")
	if len(names) < 3 {
		t.Fatalf("only %v", names)
	}
	for _, name := range names {
		f := flags()
		if err := Apply(name, f); err != nil {
			t.Error(err)
		}
		if f.NFlag() == 0 {
			t.Errorf("%s sets nothing", name)
		}
	}
}

func TestTheCommandLineStandsBeforeTheScenario(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(path, []byte("stages: 1m:5\nbanks: state\nmix: credit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := flags()
	if err := f.Parse([]string{"--banks", "city", "--rate", "7"}); err != nil {
		t.Fatal(err)
	}
	if err := Apply(path, f); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"banks": "city", "rate": "7", "stages": "", "mix": "credit"} {
		if got := f.Lookup(name).Value.String(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestMistakesAreRefusedWithTheirLine(t *testing.T) {
	for text, want := range map[string]string{
		"rate: 5\nrates: 6\n":             "line 2: rates is none of",
		"rate: 5\nrate: 6\n":              "line 2: rate stands twice",
		"rate: fast\n":                    "line 1: rate",
		"mix: [debit]\n":                  "line 1: mix must be one value",
		"- rate\n":                        "one flag a line",
		"":                                "one flag a line",
		"gateway: http://somewhere.else/": "gateway is none of",
	} {
		path := filepath.Join(t.TempDir(), "own.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Apply(path, flags()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	if err := Apply("stedy", flags()); err == nil || !strings.Contains(err.Error(), "steady") {
		t.Errorf("got %v", err)
	}
}
