package app

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"kaqiao/profiles"
)

// Connections fit into what the system allows, or the operator is told what is wrong.
func TestConnectionsFit(t *testing.T) {
	set := &profiles.Set{Channels: []*profiles.Channel{
		{ID: "hub", Endpoint: profiles.Endpoint{MaxConns: 3000}}, {ID: "city", Endpoint: profiles.Endpoint{Lines: 2}},
	}}
	for _, tc := range []struct {
		allowed uint64
		max     int
		says    string
		fails   string
	}{
		{1 << 63, 10_000, "", ""},
		{256 + 3002 + 1024 + 10_000, 10_000, "", ""},
		{256 + 3002 + 1024 + 9999, 9999, "max_connections_now=9999", ""},
		{4096, 4096 - 256 - 2048 - 1024, "ulimit -n", ""}, // at most half is kept for banks
		{2590, 0, "", "open 2590 files"},
		{1024, 0, "", "ulimit -n"},
	} {
		var log bytes.Buffer
		a := &App{cfg: Defaults(), set: set, log: slog.New(slog.NewTextHandler(&log, nil))}
		err := a.fitConnections(tc.allowed)
		if tc.fails != "" {
			if err == nil || !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("%d files: %v", tc.allowed, err)
			}
			continue
		}
		if err != nil || a.cfg.MaxConnections != tc.max || !strings.Contains(log.String(), tc.says) || (tc.says == "") != (log.Len() == 0) {
			t.Errorf("%d files: %d connections, %v\n%s", tc.allowed, a.cfg.MaxConnections, err, log.String())
		}
	}
}
