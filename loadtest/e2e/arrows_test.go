package e2e

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "kaqiao/"

// arrows are what each folder may import of ours beside itself. A package named here opens those below it too.
var arrows = map[string][]string{
	"profiles":  nil,
	"gateway":   {"profiles"},
	"mockbanks": {"profiles"},
	"loadtest":  {"profiles", "gateway/client"},
}

// judge is the one place that may see everything: these tests.
const judge = "loadtest/e2e"

// rooms are libraries that only these rooms may know: the gateway's own, and
// the floor, which stands for the least that a gateway does.
var rooms = map[string][]string{"github.com/labstack/echo/": {"gateway/internal/api", "loadtest/floor"}}

// goPackage is what go list tells of one package.
type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < len(arrows) {
		t.Fatalf("go list tells of %d packages", len(all))
	}
	return all
}

func TestArrows(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module)
		top, _, _ := strings.Cut(from, "/")
		seen[top] = true
		for _, to := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if wrong := arrow(from, to); wrong != "" {
				t.Errorf("%s imports %s: %s", from, to, wrong)
			}
		}
	}
	for top := range arrows {
		if !seen[top] {
			t.Errorf("there is no folder %s", top)
		}
	}
}

// arrow says what is wrong with one import, if anything is.
func arrow(from, to string) string {
	for library, may := range rooms {
		if strings.HasPrefix(to+"/", library) && !slices.ContainsFunc(may, func(room string) bool { return below(from, room) }) {
			return "only " + strings.Join(may, " and ") + " may know this library"
		}
	}
	rest, ours := strings.CutPrefix(to, module)
	top, _, _ := strings.Cut(from, "/")
	if !ours || below(rest, top) || below(from, judge) {
		return ""
	}
	may, known := arrows[top]
	if !known {
		return "the folder " + top + " has no arrows"
	}
	if slices.ContainsFunc(may, func(open string) bool { return below(rest, open) }) {
		return ""
	}
	return top + " may import of ours only " + strings.Join(append(may, top), " and ")
}

func below(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

// The arrows on trial: what they must refuse and what they must let pass.
func TestArrowsRefuse(t *testing.T) {
	for _, c := range []struct {
		from, to string
		wrong    bool
	}{
		{"profiles/wire", "kaqiao/profiles/secret", false},
		{"profiles", "kaqiao/gateway/client", true},
		{"gateway/internal/bank", "kaqiao/profiles/wire", false},
		{"gateway/app", "kaqiao/mockbanks/farm", true},
		{"mockbanks/farm", "kaqiao/gateway/client", true},
		{"mockbanks/farm", "kaqiao/mockbanks/internal/ledger", false},
		{"loadtest", "kaqiao/gateway/client", false},
		{"loadtest/load", "kaqiao/gateway/app", true},
		{"loadtest/load", "kaqiao/mockbanks/farm", true},
		{"loadtest/e2e", "kaqiao/mockbanks/farm", false},
		{"gateway/internal/api", "github.com/labstack/echo/v4", false},
		{"gateway/internal/api/gen", "github.com/labstack/echo/v4", false},
		{"gateway/internal/flow", "github.com/labstack/echo/v4", true},
		{"loadtest/floor", "github.com/labstack/echo/v4", false},
		{"loadtest/load", "github.com/labstack/echo/v4", true},
		{"loadtest/floor", "kaqiao/gateway/internal/journal", true},
		{"gateway/internal/apix", "github.com/labstack/echo/v4", true},
		{"mockbanks/farm", "github.com/labstack/echo/v4/middleware", true},
		{"elsewhere", "kaqiao/profiles", true},
	} {
		if got := arrow(c.from, c.to); (got != "") != c.wrong {
			t.Errorf("%s imports %s: %q", c.from, c.to, got)
		}
	}
}

// noNames are names of packages that say nothing.
var noNames = []string{"util", "utils", "common", "helper", "helpers", "misc", "shared", "models", "pkg"}

func TestNoInitAndNoNamelessPackages(t *testing.T) {
	files := 0
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root(t) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if wrong := complaint(f); wrong != "" {
			t.Errorf("%s: %s", path, wrong)
		}
		return nil
	})
	if err != nil || files < 50 {
		t.Fatalf("%d files read: %v", files, err)
	}
}

func complaint(f *ast.File) string {
	if slices.Contains(noNames, strings.TrimSuffix(f.Name.Name, "_test")) {
		return "the package's name says nothing: " + f.Name.Name
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			return "func init: wire it by hand"
		}
	}
	return ""
}

func TestComplaints(t *testing.T) {
	for text, wrong := range map[string]bool{
		"package util":                                   true,
		"package common_test":                            true,
		"package bank\nfunc init() {}":                   true,
		"package bank\ntype T int\nfunc (T) init() {}":   false,
		"package bank\nfunc initial() {}\nvar init1 = 1": false,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", text, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := complaint(f); (got != "") != wrong {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil || len(strings.TrimSpace(string(out))) == 0 {
		t.Fatalf("go env GOMOD: %v", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}
