// Package console is the operators' page: plain files that a browser loads and
// that call the API with the operator's own key. It knows no secret and no
// binding; whoever has no operator's key sees an empty page.
package console

import (
	"embed"
	"errors"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var page embed.FS

// kinds are the files' types: what is not among them is not served.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// policy lets the page load its own files and call its own gateway, and nothing
// else: no script in the page itself, no other site, no frame round it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the page under /console and its files under /console/. Any other name is answered with 404.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/console"), "/")
		if name == "" {
			name = "index.html"
		}
		kind := kinds[path.Ext(name)]
		text, err := page.Open("page/" + name)
		if kind == "" || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			http.NotFound(w, r)
			return
		}
		if err != nil {
			http.Error(w, "the page can't be read", http.StatusInternalServerError)
			return
		}
		defer func() { _ = text.Close() }()
		h := w.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store") // the page and the API it calls are of one version
		file, ok := text.(interface {
			fs.File
			Seek(offset int64, whence int) (int64, error)
		})
		if !ok {
			http.NotFound(w, r) // a folder
			return
		}
		http.ServeContent(w, r, name, time.Time{}, file)
	})
}
