package epcc

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles/wire"
)

// refusals are all constants of the type Refusal, read from the ledger's source.
func refusals(t *testing.T) []ledger.Refusal {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../ledger/ledger.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []ledger.Refusal
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Refusal" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, ledger.Refusal(text))
		}
		return true
	})
	if len(all) < 20 {
		t.Fatalf("only %d refusals found", len(all))
	}
	return all
}

// No refusal of a ledger is without a code, no code without a text, and no two
// refusals are alike to the gateway except those that mean to be.
func TestEveryRefusalHasACode(t *testing.T) {
	form := regexp.MustCompile(`^PB[0-9X]{6}$`)
	// As a record that is not there, and as a code that is too old.
	meant := map[ledger.Refusal]bool{ledger.CodeUsed: true, ledger.ApprovalExpired: true, ledger.ApprovalSuperseded: true}
	seen := map[string]ledger.Refusal{}
	all := slices.DeleteFunc(refusals(t), func(r ledger.Refusal) bool {
		return r == ledger.Reversed || r == ledger.NoOriginal // EPCC has no reversal
	})
	for _, r := range all {
		code, ok := refusalCodes[r]
		if !ok || !form.MatchString(code) || words[code] == "" || codeOf(r) != code {
			t.Errorf("%s: code %q, text %q", r, code, words[code])
		}
		if other, twice := seen[code]; twice && !meant[r] {
			t.Errorf("%s and %s have one code", r, other)
		}
		seen[code] = r
	}
	if len(refusalCodes) != len(all) {
		t.Errorf("%d codes for %d refusals", len(refusalCodes), len(all))
	}
	if codeOf("") != "00000000" || codeOf("news") != coreFault {
		t.Error("no refusal, or one that is not known")
	}
}

// The assignments that the gateway's own table has as well.
func TestAgreedCodes(t *testing.T) {
	for r, want := range map[ledger.Refusal]string{
		ledger.ClassRestricted: "PB511098", ledger.OnlineNotOpened: "PB511021", ledger.TradingNotPermitted: "PB511022",
		ledger.CardExpired: "PB511020", ledger.CVVMismatch: "PB005203", ledger.ExpiryMismatch: "PB005212",
		ledger.TooSoon: "PB511012", ledger.ElementsChanged: "PB511099",
	} {
		if got := codeOf(r); got != want {
			t.Errorf("%s: %s, want %s", r, got, want)
		}
	}
}

func TestEveryFaultOfTheGrammarHasACode(t *testing.T) {
	for fault, want := range map[error]string{
		wire.ErrSealMissing: "PS500022", wire.ErrSeal: "PS500025", wire.ErrKey: "PS500025", wire.ErrEnvelope: "PS500003",
		wire.ErrUnknownType: "PB040000", wire.ErrMalformed: "PS500001", wire.ErrTooLarge: "PS500001",
		fmt.Errorf("%w: %w", wire.ErrKey, wire.ErrEnvelope):       "PS500003",
		&wire.FieldError{Field: "SgnInf/IDTp", Reason: "missing"}: "PS500002", errors.New("news"): "PS500001",
	} {
		got := codeOfFault(fmt.Errorf("decode: %w", fault))
		if got != want || words[got] == "" {
			t.Errorf("%v: %s, want %s", fault, got, want)
		}
	}
}

func TestMonths(t *testing.T) {
	for given, want := range map[string]string{"": "", "0829": "2029-08", "1299": "2099-12", "1329": "x", "0029": "x", "829": "x", "ab29": "x"} {
		got, ok := month(given)
		if ok != (want != "x") || ok && got.Reveal() != want {
			t.Errorf("%q: %q %v", given, got.Reveal(), ok)
		}
	}
}
