package console

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()

	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://gateway/", nil)
	r.URL.Path = path
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

func TestThePageAndItsFilesAreServedUnderAStrictPolicy(t *testing.T) {
	for path, kind := range map[string]string{
		"/console": "text/html; charset=utf-8", "/console/": "text/html; charset=utf-8", "/console/console.js": "text/javascript; charset=utf-8",
		"/console/words.js": "text/javascript; charset=utf-8", "/console/console.css": "text/css; charset=utf-8", "/console/mark.svg": "image/svg+xml",
	} {
		w := get(t, path)
		h := w.Header()
		if w.Code != http.StatusOK || h.Get("Content-Type") != kind || w.Body.Len() == 0 {
			t.Errorf("%s: %d %q, %d bytes", path, w.Code, h.Get("Content-Type"), w.Body.Len())
		}
		if p := h.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || !strings.Contains(p, "frame-ancestors 'none'") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: policy %q", path, p)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", path, h)
		}
	}
	for _, path := range []string{"/console/page", "/console/.", "/console/..", "/console/../console.go", "/console/console.go", "/console/none.js", "/console/page/index.html", "/console/\x00.js"} {
		if w := get(t, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// No text can be markup: that is how a stranger's words would become a script.
func TestNoScriptWritesMarkup(t *testing.T) {
	for _, name := range []string{"console.js", "api.js", "words.js", "index.html"} {
		text := read(t, name)
		for _, never := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage", "sessionStorage", "document.cookie", "onclick=", "style="} {
			if strings.Contains(text, never) {
				t.Errorf("%s has %s", name, never)
			}
		}
	}
}

// Both languages say everything, and everything that is said is known.
func TestBothLanguagesSayEverything(t *testing.T) {
	en, zh, ok := strings.Cut(read(t, "words.js"), "zh: {")
	if !ok {
		t.Fatal("words.js has no zh")
	}
	entry := regexp.MustCompile(`([a-z_]+): "((?:[^"\\]|\\.)*)"`)
	words := func(text string) map[string]string {
		all := map[string]string{}
		for _, m := range entry.FindAllStringSubmatch(text, -1) {
			all[m[1]] = m[2]
		}
		return all
	}
	one, two := words(en), words(zh)
	hole := regexp.MustCompile(`\{\w+\}`)
	for name, text := range one {
		other, ok := two[name]
		a, b := hole.FindAllString(text, -1), hole.FindAllString(other, -1)
		slices.Sort(a)
		slices.Sort(b)
		if !ok || !slices.Equal(a, b) {
			t.Errorf("%s: %q and %q", name, text, other)
		}
	}
	if len(one) != len(two) || len(one) < 80 {
		t.Errorf("%d words in English, %d in Chinese", len(one), len(two))
	}
	said := regexp.MustCompile(`data-say="(\w+)"|say\("(\w+)"[,)]`)
	for _, m := range said.FindAllStringSubmatch(read(t, "index.html")+read(t, "console.js"), -1) {
		if name := m[1] + m[2]; one[name] == "" {
			t.Errorf("nobody says %q", name)
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(page, "page/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
