package listen

import (
	"crypto/sha256"
	"encoding/base64"
	"mime"
	"net/http"
	"slices"
	"strings"

	"kaqiao/profiles/wire"
)

// Route is one of several ways into an HTTP port.
type Route struct {
	Method string // GET or POST
	// Path follows the port's own, without a slash before it. A segment * stands
	// for any one that is not empty: mandates/*/revocations.
	Path string
	// ContentType is what comes in, a media type without parameters. Empty: no body is taken.
	ContentType string
}

// enterBy finds the way by which a request comes, and what the frame says of it,
// or the status with which it is refused. A frame of the one way has neither method nor path.
func (h *HTTP) enterBy(r *http.Request) (frame wire.Frame, status int) {
	frame.Client = certificate(r)
	way := Route{Method: http.MethodPost, ContentType: h.media}
	if len(h.cfg.Routes) == 0 {
		if r.URL.Path != h.cfg.Path {
			return frame, http.StatusNotFound
		}
	} else {
		relative, ok := h.relative(r.URL.Path)
		ways := h.waysTo(relative)
		// An escaped path or a question behind it is no way of these protocols.
		if !ok || len(ways) == 0 || r.URL.RawPath != "" || r.URL.RawQuery != "" {
			return frame, http.StatusNotFound
		}
		i := slices.IndexFunc(ways, func(w Route) bool { return w.Method == r.Method })
		if i < 0 {
			return frame, http.StatusMethodNotAllowed
		}
		way, frame.Method, frame.Path = ways[i], r.Method, relative
	}
	if r.Method != way.Method {
		return frame, http.StatusMethodNotAllowed
	}
	if way.ContentType == "" {
		if r.ContentLength != 0 {
			return frame, http.StatusBadRequest
		}
		return frame, 0
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != way.ContentType || !utf8(params["charset"]) {
		return frame, http.StatusUnsupportedMediaType
	}
	return frame, 0
}

// relative is what follows the port's own path.
func (h *HTTP) relative(path string) (string, bool) {
	return strings.CutPrefix(path, strings.TrimSuffix(h.cfg.Path, "/")+"/")
}

func (h *HTTP) waysTo(relative string) (ways []Route) {
	for _, w := range h.cfg.Routes {
		if w.leads(relative) {
			ways = append(ways, w)
		}
	}
	return ways
}

func (w Route) leads(relative string) bool {
	mine, given := strings.Split(w.Path, "/"), strings.Split(relative, "/")
	return slices.EqualFunc(mine, given, func(mine, given string) bool {
		return mine == given || mine == "*" && given != ""
	})
}

// allowed lists the methods that a path takes.
func (h *HTTP) allowed(path string) string {
	if len(h.cfg.Routes) == 0 {
		return http.MethodPost
	}
	var methods []string
	relative, _ := h.relative(path)
	for _, w := range h.waysTo(relative) {
		methods = append(methods, w.Method)
	}
	return strings.Join(methods, ", ")
}

// certificate is wire.Frame's Client of a request.
func certificate(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
