package api

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// checkAnswer holds an answer against openapi.yaml.
func checkAnswer(t testing.TB, r *room, method, path string, g got) {
	t.Helper()
	doc, err := spec()
	if err != nil {
		t.Fatal(err)
	}
	path, _, _ = strings.Cut(path, "?")
	path = strings.ReplaceAll(path, bindingID, "{id}")
	path = strings.ReplaceAll(path, "/banks/abc", "/banks/{id}")
	responses := doc.Paths.Value(path).GetOperation(method).Responses
	response := responses.Status(g.StatusCode)
	if response == nil {
		response = responses.Default()
	}
	media := response.Value.Content.Get(g.Header.Get("Content-Type"))
	if media == nil {
		t.Fatalf("%s %s: %d with %s is not in the contract", method, path, g.StatusCode, g.Header.Get("Content-Type"))
	}
	var v any
	if err := json.Unmarshal([]byte(g.body), &v); err != nil {
		t.Fatal(err)
	}
	if err := media.Schema.Value.VisitJSON(v, openapi3.MultiErrors()); err != nil {
		t.Errorf("the answer is not as the contract says: %v", err)
	}
	if g.Header.Get("X-Request-Id") == "" || g.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", g.Header)
	}
}

func TestRoutesAreTheContracts(t *testing.T) {
	r := serve(t)
	var have, want []string
	for _, route := range r.server.echo.Routes() {
		have = append(have, route.Method+" "+route.Path)
	}
	for route := range r.server.contract {
		want = append(want, route)
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("routes.go has\n%v\nopenapi.yaml has\n%v", have, want)
	}
}

// TestGeneratedIsFresh makes everything again, beside the committed files, and compares.
func TestGeneratedIsFresh(t *testing.T) {
	gateway, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"client", "internal/api/gen"} {
		fresh := filepath.Join(t.TempDir(), "openapi.gen.go")
		config, err := os.ReadFile(filepath.Join(gateway, dir, "oapi-codegen.yaml")) //nolint:gosec // it is this repository's
		if err != nil {
			t.Fatal(err)
		}
		config = bytes.Replace(config, []byte("output: openapi.gen.go"), []byte("output: "+fresh), 1)
		elsewhere := filepath.Join(t.TempDir(), "oapi-codegen.yaml")
		if err := os.WriteFile(elsewhere, config, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile="+filepath.Join(gateway, "../.ci/tools.mod"),
			"oapi-codegen", "-config", elsewhere, filepath.Join(gateway, "openapi.yaml"))
		cmd.Dir = filepath.Join(gateway, dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("oapi-codegen in %s: %v\n%s", dir, err, out)
		}
		same(t, fresh, filepath.Join(gateway, dir, "openapi.gen.go"))
	}
	same(t, filepath.Join(gateway, "openapi.yaml"), "gen/openapi.yaml")
}

func same(t *testing.T, a, b string) {
	t.Helper()
	one, err := os.ReadFile(a) //nolint:gosec // both are this repository's
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(b) //nolint:gosec // both are this repository's
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Errorf("%s is stale: run go generate ./gateway/...", b)
	}
}

// TestExamplesAreLawful: the examples are what people copy.
func TestExamplesAreLawful(t *testing.T) {
	doc, err := spec()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for name, schema := range doc.Components.Schemas {
		if schema.Value.Example == nil {
			continue
		}
		n++
		if err := schema.Value.VisitJSON(schema.Value.Example, openapi3.MultiErrors()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n < 10 {
		t.Errorf("only %d examples were looked at", n)
	}
}

// TestEveryRequestFieldIsBounded: a string without a length or an array without a size has no limit.
func TestEveryRequestFieldIsBounded(t *testing.T) {
	r := serve(t)
	n := 0
	var walk func(at string, s *openapi3.Schema)
	walk = func(at string, s *openapi3.Schema) {
		n++
		switch {
		case s.Type.Is("object"):
			if s.AdditionalProperties.Has == nil || *s.AdditionalProperties.Has {
				t.Errorf("%s takes unknown fields", at)
			}
			for name, p := range s.Properties {
				walk(at+"/"+name, p.Value)
			}
		case s.Type.Is("array"):
			if s.MaxItems == nil {
				t.Errorf("%s has no maxItems", at)
			}
			walk(at+"/0", s.Items.Value)
		case s.Type.Is("string"):
			if len(s.Enum) == 0 && (s.MaxLength == nil || s.Pattern == "") {
				t.Errorf("%s has no maxLength or no pattern", at)
			}
		case s.Type.Is("integer"), s.Type.Is("number"):
			if s.Min == nil || s.Max == nil {
				t.Errorf("%s has no bounds", at)
			}
		}
	}
	for route, o := range r.server.contract {
		if o.body != nil {
			walk(route, o.body)
		}
		for _, p := range o.params {
			walk(route+" "+p.Name, p.Schema.Value)
		}
	}
	if n < 40 {
		t.Errorf("only %d schemas were looked at", n)
	}
}
