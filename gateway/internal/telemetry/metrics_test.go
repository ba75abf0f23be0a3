package telemetry

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/op"
)

// fakeGate refuses one bank.
type fakeGate struct{ left []op.Result }

func (g *fakeGate) Enter(_ context.Context, _, bankID string, _ op.Kind) (func(op.Result), *op.Problem) {
	if bankID == "closed" {
		return nil, &op.Problem{Reason: op.BankUnavailable}
	}
	return func(r op.Result) { g.left = append(g.left, r) }, nil
}

func TestFiguresAreServed(t *testing.T) {
	m, inner := New(), &fakeGate{}
	m.Request("GET", "/v1/banks", 200, 3*time.Millisecond)
	m.Request("6228480402564890018", "", 404, time.Millisecond)
	m.Gauge("kaqiao_in_flight_requests", "Requests under way.", func() float64 { return 7 })
	m.Unmapped(func() map[bank.UnmappedCode]uint64 {
		return map[bank.UnmappedCode]uint64{{Channel: "nucc", Bank: "abc", Kind: op.Confirm, Code: "PB999999"}: 2, {Channel: "nucc", Bank: "abc", Kind: op.Apply, Code: "\xff"}: 1}
	})
	gate := m.Gate(inner)
	m.Changed("bank.degraded", "abc", "confirm")
	leave, refused := gate.Enter(t.Context(), "nucc", "abc", op.Apply)
	if refused != nil {
		t.Fatal(refused)
	}
	leave(op.Result{Outcome: op.Accepted, Exchange: 300 * time.Millisecond})
	if len(inner.left) != 1 || inner.left[0].Outcome != op.Accepted {
		t.Error("the gate within was not left")
	}
	if _, refused := gate.Enter(t.Context(), "nucc", "closed", op.Apply); refused == nil || refused.Reason != op.BankUnavailable {
		t.Error("the refusal was lost")
	}

	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	page := rec.Body.String()
	for _, want := range []string{
		`kaqiao_http_request_duration_seconds_count{method="GET",route="/v1/banks",status="200"} 1`,
		`kaqiao_http_request_duration_seconds_count{method="other",route="none",status="404"} 1`,
		`kaqiao_bank_exchange_duration_seconds_bucket{bank="abc",channel="nucc",operation="apply",outcome="accepted",le="0.25"} 0`,
		`kaqiao_bank_exchange_duration_seconds_bucket{bank="abc",channel="nucc",operation="apply",outcome="accepted",le="0.5"} 1`,
		`kaqiao_gate_refusals_total{bank="closed",channel="nucc",operation="apply",reason="bank_unavailable"} 1`,
		`kaqiao_unmapped_codes_total{bank="abc",channel="nucc",code="PB999999",operation="confirm"} 2`,
		`kaqiao_unmapped_codes_total{bank="abc",channel="nucc",code="unprintable",operation="apply"} 1`,
		`kaqiao_gate_changes_total{event="bank.degraded",id="abc",operation="confirm"} 1`,
		`kaqiao_in_flight_requests 7`, `go_goroutines`, `process_open_fds`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(page, "6228480402564890018") {
		t.Error("a stranger's method became a label")
	}
}

func TestTwoGatewaysDoNotShareFigures(t *testing.T) {
	a, b := New(), New()
	a.Request("GET", "/v1/banks", 200, time.Millisecond)
	rec := httptest.NewRecorder()
	b.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if strings.Contains(rec.Body.String(), "/v1/banks") {
		t.Error("b shows a's figures")
	}
}

func BenchmarkRequest(b *testing.B) {
	m := New()
	b.ReportAllocs()
	for b.Loop() {
		m.Request("POST", "/v1/bindings", 201, time.Millisecond)
	}
}
