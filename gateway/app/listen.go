package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"syscall"
	"time"

	"kaqiao/gateway/internal/door"
	"kaqiao/gateway/internal/telemetry"
)

// listen takes both addresses.
func (a *App) listen(metrics *telemetry.Metrics) error {
	secure, err := a.readCallbackTLS(a.set.Channels)
	if err != nil {
		return err
	}
	a.callbackTLS.Store(secure)
	callers, err := net.Listen("tcp", a.cfg.Listen) //nolint:noctx // it takes an address and waits for nobody
	if err != nil {
		return fmt.Errorf("listen for callers: %w", err)
	}
	a.api = door.New(callers, door.Config{Name: "callers", Max: a.cfg.MaxConnections, Refusal: a.server.Full, Log: a.log})
	a.later("close the callers' listener", a.api.Close)
	banks, err := net.Listen("tcp", a.cfg.Callbacks) //nolint:noctx // as above
	if err != nil {
		return fmt.Errorf("listen for banks: %w", err)
	}
	a.callbacks = door.New(banks, door.Config{Name: "banks", Max: a.cfg.CallbackConnections, Log: a.log})
	a.later("close the banks' listener", a.callbacks.Close)
	metrics.Listener("callers", a.api)
	metrics.Listener("banks", a.callbacks)
	return nil
}

// banksListener is the door for banks, with TLS where it has a certificate.
func (a *App) banksListener() net.Listener {
	if secure := a.serverTLS(); secure != nil {
		return tls.NewListener(a.callbacks, secure)
	}
	return a.callbacks
}

// httpServer serves what comes in through a door. patience is for one whole request, and for its answer.
func (a *App) httpServer(h http.Handler, from *door.Door, patience time.Duration) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: a.cfg.HeaderTimeout, IdleTimeout: a.cfg.IdleTimeout,
		ReadTimeout: patience, WriteTimeout: patience,
		MaxHeaderBytes: 16 << 10,
		ConnState:      from.State,
		ErrorLog:       slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
}

func serve(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// What the gateway opens beside connections: the journal, keys while they are read, the program itself.
const otherFiles = 256

// fitConnections holds what may be open at once against how many files the
// system lets this program have. Callers' connections give way: running out of files would
// keep the gateway from its banks.
func (a *App) fitConnections(allowed uint64) error {
	toBanks := 0
	for _, c := range a.set.Channels {
		toBanks += c.Endpoint.MaxConns + c.Endpoint.Lines
	}
	// With thousands of channels never all of their connections are open at once.
	toBanks = min(toBanks, int(min(allowed, 1<<30)/2)) //nolint:gosec // it is bounded
	others := otherFiles + toBanks + a.cfg.CallbackConnections
	wanted := uint64(others + a.cfg.MaxConnections) //nolint:gosec // all of them are bounded and positive
	if wanted <= allowed {
		return nil
	}
	fits := int(allowed) - others //nolint:gosec // allowed is less than wanted
	if fits < leastConnections {
		return fmt.Errorf("the system lets this program open %d files, and it needs at least %d: raise the limit (ulimit -n, LimitNOFILE=), or lower callback-connections",
			allowed, others+leastConnections)
	}
	a.log.Warn("the system lets this program open fewer files than max-connections asks for: raise its limit (ulimit -n, LimitNOFILE=), or lower max-connections",
		"open_files", allowed, "needed", wanted, "max_connections", a.cfg.MaxConnections, "max_connections_now", fits)
	a.cfg.MaxConnections = fits
	return nil
}

// leastConnections is how few callers' connections a gateway may be left with.
const leastConnections = 16

// openFiles is how many files this program may have open. Go has raised the
// soft limit to the hard one when the program began.
func openFiles() uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return math.MaxInt32
	}
	return l.Cur
}
