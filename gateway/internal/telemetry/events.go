package telemetry

import "time"

// Told counts and times one try to tell a caller of an event. result is
// delivered, failed (it is tried again), dead or gone.
func (m *Metrics) Told(result string, took time.Duration) {
	m.told.WithLabelValues(result).Observe(took.Seconds())
}
