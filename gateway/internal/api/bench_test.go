package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"kaqiao/gateway/internal/flow"
)

// BenchmarkCheck reads a body and holds it against openapi.yaml.
func BenchmarkCheck(b *testing.B) {
	r := serve(b)
	operation := r.server.contract["POST /v1/bindings"]
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/bindings", nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Idempotency-Key", "k")
	b.ReportAllocs()
	for b.Loop() {
		doc, err := parse([]byte(goodRequest))
		if err != nil {
			b.Fatal(err)
		}
		if err := operation.check(req, nil, doc, new(opener)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCreate is a whole request in this room, with a flow that does nothing.
func BenchmarkCreate(b *testing.B) {
	r := serve(b, func(c *Config) { c.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) })
	r.server.Flow = idle{r.flow}
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/bindings", strings.NewReader(goodRequest))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+goodKey)
		req.Header.Set("Idempotency-Key", "k")
		rec := httptest.NewRecorder()
		r.server.ServeHTTP(rec, req)
		if rec.Code != http.StatusCreated {
			b.Fatalf("%d %s", rec.Code, rec.Body)
		}
	}
}

// idle creates and keeps nothing.
type idle struct{ *fakeFlow }

func (i idle) Replay(context.Context, flow.Keyed) (int, []byte, bool, error) {
	return 0, nil, false, nil
}

func (i idle) Create(context.Context, flow.NewBinding, flow.Keyed) (flow.Binding, error) {
	b, err := i.give("", flow.Keyed{})
	i.calls = i.calls[:0]
	return b, err
}
