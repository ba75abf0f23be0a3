package app

import (
	"context"
	"log/slog"

	"kaqiao/gateway/internal/guard"
	"kaqiao/gateway/internal/telemetry"
)

// changed logs and counts each change of a gate.
func changed(log *slog.Logger, metrics *telemetry.Metrics) func(guard.Change) {
	return func(c guard.Change) {
		metrics.Changed(c.Name(), c.ID, c.Class)
		level := slog.LevelInfo
		if c.To == guard.Open || c.To == guard.ForcedOpen {
			level = slog.LevelWarn
		}
		attrs := []slog.Attr{slog.String("event", c.Name()), slog.String("id", c.ID), slog.String("to", string(c.To))}
		if c.Class != "" {
			attrs = append(attrs, slog.String("operation", c.Class))
		}
		if !c.Until.IsZero() {
			attrs = append(attrs, slog.Time("until", c.Until))
		}
		if c.Why.Rule != "" {
			n := c.Why.Counts
			attrs = append(attrs, slog.String("rule", c.Why.Rule), slog.Int("in_a_row", c.Why.Consecutive), slog.Int("calls", n.Calls()),
				slog.Int("unknown", n.Unknown), slog.Int("not_sent", n.NotSent), slog.Int("slow", n.Slow))
		}
		if c.Reason != "" {
			attrs = append(attrs, slog.String("reason", c.Reason), slog.String("by", c.By))
		}
		log.LogAttrs(context.Background(), level, "a gate has changed", attrs...)
	}
}
