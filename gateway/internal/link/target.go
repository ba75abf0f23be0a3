package link

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// errTarget stands for a method or a path that no codec should make.
var errTarget = errors.New("method or path can't be sent")

// target joins a frame's path to the channel's address. A path that could lead
// elsewhere than below it is refused: whoever made it has let a value in.
func (h *HTTP) target(method, path string) (string, *url.URL, error) {
	switch method {
	case "":
		method = http.MethodPost
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete:
	default:
		return "", nil, errTarget
	}
	if path == "" {
		return method, h.url, nil
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || !isSegment(segment) {
			return "", nil, errTarget
		}
	}
	joined := *h.url
	joined.Path = strings.TrimSuffix(joined.Path, "/") + "/" + path
	joined.RawPath = ""
	return method, &joined, nil
}

// isSegment reports whether a text has only the characters that RFC 3986 leaves unreserved.
func isSegment(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-._~", rune(c)) {
			return false
		}
	}
	return true
}
