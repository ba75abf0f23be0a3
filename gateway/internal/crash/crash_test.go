package crash

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every point has a name of its own and says what is on disk there; the gateway passes it somewhere, and passes none but these.
func TestEveryPointIsNamedAndPassed(t *testing.T) {
	passed := passages(t)
	names := map[string]bool{}
	for _, p := range Points() {
		if p.String() == "" || p.Disk() == "" || names[p.String()] {
			t.Errorf("point %d is called %q, as another may be, and says %q", p, p, p.Disk())
		}
		names[p.String()] = true
		constant := constantOf(p)
		if passed[constant] == 0 {
			t.Errorf("%v is passed nowhere", p)
		}
		delete(passed, constant)
	}
	for constant, n := range passed {
		t.Errorf("%q is passed %d times and is no point of the list", constant, n)
	}
}

// constantOf is the constant's name: bank.gated is BankGated.
func constantOf(p Point) string {
	room, what, _ := strings.Cut(p.String(), ".")
	if room == "api" {
		room = "API"
	}
	return strings.ToUpper(room[:1]) + room[1:] + strings.ToUpper(what[:1]) + what[1:]
}

// passages counts the calls of Here in the gateway by the constant that they name.
func passages(t *testing.T) map[string]int {
	t.Helper()
	count := map[string]int{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && selects(call.Fun, "Here") {
				name := "something that is no constant of this package"
				if s, ok := call.Args[0].(*ast.SelectorExpr); ok && selects(s, s.Sel.Name) {
					name = s.Sel.Name
				}
				count[name]++
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// selects reports whether an expression is this name of this package.
func selects(e ast.Expr, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	of, ok := s.X.(*ast.Ident)
	return ok && of.Name == "crash"
}

// The table in docs/truth-details.md is this list, word for word.
func TestTheDocumentHasEveryPoint(t *testing.T) {
	text, err := os.ReadFile("../../../docs/truth-details.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) > 3 && strings.HasPrefix(cells[1], " `") {
			rows[strings.Trim(cells[1], " `")] = strings.TrimSpace(cells[2])
		}
	}
	for _, p := range Points() {
		if rows[p.String()] != p.Disk() {
			t.Errorf("docs/truth-details.md says of %v %q, the code %q", p, rows[p.String()], p.Disk())
		}
		delete(rows, p.String())
	}
	for name := range rows {
		if strings.Contains(name, ".") {
			t.Errorf("docs/truth-details.md has %s, and the code has not", name)
		}
	}
}
