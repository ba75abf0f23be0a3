package telemetry

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/op"
)

// Gate stands around a bank's gate: it counts what is refused and times what
// passes, so that neither the gate nor the exchange knows of figures.
func (m *Metrics) Gate(inner bank.Gate) bank.Gate { return &gate{inner: inner, metrics: m} }

type gate struct {
	inner   bank.Gate
	metrics *Metrics
}

var _ bank.Gate = (*gate)(nil)

// Enter asks the gate within.
func (g *gate) Enter(ctx context.Context, channel, bankID string, kind op.Kind) (func(op.Result), *op.Problem) {
	leave, refused := g.inner.Enter(ctx, channel, bankID, kind)
	if refused != nil {
		g.metrics.refusals.WithLabelValues(channel, bankID, string(kind), string(refused.Reason)).Inc()
		return leave, refused
	}
	return func(r op.Result) {
		leave(r)
		g.metrics.exchanges.WithLabelValues(channel, bankID, string(kind), r.Outcome.String()).Observe(r.Exchange.Seconds())
	}, nil
}

// Changed counts a change of a bank's or a channel's gate: event is such as
// bank.degraded, operation is empty where all are meant.
func (m *Metrics) Changed(event, id, operation string) {
	m.changes.WithLabelValues(event, id, operation).Inc()
}

// Unmapped shows how often banks answered with codes that stand in no table. read is asked whenever somebody looks.
func (m *Metrics) Unmapped(read func() map[bank.UnmappedCode]uint64) {
	m.registry.MustRegister(&unmapped{read: read, desc: prometheus.NewDesc("kaqiao_unmapped_codes_total",
		"Answers of banks whose code stands in no table.", []string{"channel", "bank", "operation", "code"}, nil)})
}

type unmapped struct {
	read func() map[bank.UnmappedCode]uint64
	desc *prometheus.Desc
}

// Describe names the one figure.
func (u *unmapped) Describe(out chan<- *prometheus.Desc) { out <- u.desc }

// Collect reads it.
func (u *unmapped) Collect(out chan<- prometheus.Metric) {
	for k, n := range u.read() {
		out <- prometheus.MustNewConstMetric(u.desc, prometheus.CounterValue, float64(n), k.Channel, k.Bank, string(k.Kind), printable(k.Code))
	}
}

// printable keeps a code that is no text from breaking the page.
func printable(code string) string {
	for i := range len(code) {
		if code[i] < ' ' || code[i] > '~' {
			return "unprintable"
		}
	}
	return code
}
