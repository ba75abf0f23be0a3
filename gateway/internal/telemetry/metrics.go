// Package telemetry counts and times what the gateway does, for operators. No
// label ever holds anything that a caller or a bank made up, but for raw codes
// of banks, whose number is bounded where they are collected.
package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is every figure of one gateway, in a registry of its own.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.HistogramVec
	exchanges *prometheus.HistogramVec
	refusals  *prometheus.CounterVec
	changes   *prometheus.CounterVec
	told      *prometheus.HistogramVec
}

// seconds are the bounds of all histograms: from a request that asks nobody
// (0.5 ms) to a bank that takes half a minute.
func seconds() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5, 10, 30}
}

// New makes the figures, all at zero.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kaqiao_http_request_duration_seconds", Help: "How long callers' requests took.", Buckets: seconds(),
		}, []string{"method", "route", "status"}),
		exchanges: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kaqiao_bank_exchange_duration_seconds", Help: "How long banks took to answer.", Buckets: seconds(),
		}, []string{"channel", "bank", "operation", "outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kaqiao_gate_refusals_total", Help: "Requests that a bank's gate did not let through.",
		}, []string{"channel", "bank", "operation", "reason"}),
	}
	m.changes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kaqiao_gate_changes_total", Help: "Changes of the breakers of banks and channels.",
	}, []string{"event", "id", "operation"})
	m.told = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "kaqiao_event_delivery_duration_seconds", Help: "How long tries to tell callers of events took.", Buckets: seconds(),
	}, []string{"result"})
	m.registry.MustRegister(m.requests, m.exchanges, m.refusals, m.changes, m.told,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the figures in the Prometheus text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4})
}

// Request counts one request. An empty route means that none matched.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	if route == "" {
		method, route = "other", "none" // a stranger's own words would make labels without end
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

// Door is a listener whose connections are counted.
type Door interface {
	// Open is how many there are now.
	Open() int
	// Refused is how many have found no place, Evicted how many were closed for another.
	Refused() int64
	Evicted() int64
}

// Listener shows how full the listener for these people is.
func (m *Metrics) Listener(whose string, d Door) {
	labels := prometheus.Labels{"listener": whose}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "kaqiao_connections_open", Help: "Connections that are open.", ConstLabels: labels,
		}, func() float64 { return float64(d.Open()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "kaqiao_connections_refused_total", Help: "Connections that found no place, because all had requests under way.", ConstLabels: labels,
		}, func() float64 { return float64(d.Refused()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "kaqiao_connections_evicted_total", Help: "Connections without a request that were closed for new ones.", ConstLabels: labels,
		}, func() float64 { return float64(d.Evicted()) }),
	)
}

// Counter shows a figure that only grows, whenever somebody looks.
func (m *Metrics) Counter(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read))
}

// Gauge shows a figure that is asked for whenever somebody looks.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}
