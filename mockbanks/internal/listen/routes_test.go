package listen

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"kaqiao/profiles/wire"
)

// A port with several ways tells its handler by which one a request came, and lets the answer say how it fared.
func TestRoutes(t *testing.T) {
	h := port(t, HTTPConfig{
		Routes: []Route{
			{Method: "POST", Path: "token", ContentType: "application/x-www-form-urlencoded"},
			{Method: "POST", Path: "things", ContentType: "application/json"},
			{Method: "GET", Path: "things/*"},
			{Method: "POST", Path: "things/*/ends", ContentType: "application/json"},
		},
		Handle: func(_ context.Context, f wire.Frame) Outcome {
			return Outcome{Fate: Reply, Frame: wire.Frame{
				Status: 201, Headers: []wire.Header{{Name: "Content-Type", Value: "application/json"}},
				Body: []byte(f.Method + " " + f.Path + " " + string(f.Body)),
			}}
		},
	})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	base := "http://" + h.Address().String()
	for _, c := range []struct {
		method, path, media, body string
		status                    int
		says                      string
	}{
		{"POST", "/preSvr/token", "application/x-www-form-urlencoded", "a=b", 201, "POST token a=b"},
		{"POST", "/preSvr/token", "application/json", "{}", 415, ""},
		{"POST", "/preSvr/things", "application/json; charset=utf-8", "{}", 201, "POST things {}"},
		{"POST", "/preSvr/things", "", "{}", 415, ""},
		{"GET", "/preSvr/things/7", "", "", 201, "GET things/7 "},
		{"GET", "/preSvr/things/7", "application/json", "{}", 400, ""},
		{"POST", "/preSvr/things/7/ends", "application/json", "{}", 201, "POST things/7/ends {}"},
		{"GET", "/preSvr/things", "", "", 405, ""},
		{"DELETE", "/preSvr/things/7", "", "", 405, ""},
		{"GET", "/preSvr/things/", "", "", 404, ""},
		{"GET", "/preSvr/things/7/8", "", "", 404, ""},
		{"GET", "/preSvr/things/7?x=1", "", "", 404, ""},
		{"GET", "/preSvr/things/%2e%2e", "", "", 404, ""},
		{"POST", "/preSvr", "application/json", "{}", 404, ""},
		{"POST", "/things", "application/json", "{}", 404, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.media != "" {
			r.Header.Set("Content-Type", c.media)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != c.status || c.says != "" && string(text) != c.says {
			t.Errorf("%s %s: %d %q, %v; want %d %q", c.method, c.path, answer.StatusCode, text, err, c.status, c.says)
		}
		if c.status == 405 && answer.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.path)
		}
		if c.status == 201 && answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: answer of type %s", c.method, c.path, answer.Header.Get("Content-Type"))
		}
	}
}
