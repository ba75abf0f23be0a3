package farm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// Limits of the control port.
const (
	controlConns     = 1024
	controlBodyBytes = 1 << 20
	controlReadTime  = 30 * time.Second
	controlWriteTime = 90 * time.Second // longer than the longest long poll
	controlGrace     = 5 * time.Second
	maxWaitS         = 60
	maxPage          = 1000
)

// control is the port for tests and people: JSON over HTTP, no callers' keys.
// It shows customers' cards and codes, so it listens on the loopback unless told otherwise.
type control struct {
	farm   *Farm
	server *http.Server
	inner  net.Listener
}

func newControl(f *Farm) *control {
	c := &control{farm: f}
	c.server = &http.Server{
		Handler: c.routes(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: controlReadTime,
		WriteTimeout: controlWriteTime, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(f.log.Handler(), slog.LevelDebug),
	}
	return c
}

// routes is every route on one page.
func (c *control) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, serve := range map[string]handler{
		"GET /healthz":        c.health,
		"GET /clock":          c.clock,
		"PUT /clock":          c.setClock,
		"GET /banks":          c.listBanks,
		"GET /banks/{bank}":   c.showBank,
		"GET /channels":       c.listChannels,
		"GET /channels/{hub}": c.showChannel,

		"GET /banks/{bank}/customers":                      c.listCustomers,
		"POST /banks/{bank}/customers":                     c.addCustomer,
		"GET /banks/{bank}/inbox":                          c.inbox,
		"POST /banks/{bank}/inbox/{message}/approve":       c.approve,
		"POST /banks/{bank}/inbox/{message}/deny":          c.deny,
		"GET /banks/{bank}/agreements":                     c.listAgreements,
		"POST /banks/{bank}/agreements/{agreement}/revoke": c.revoke,
		"POST /banks/{bank}/keys":                          c.rekey,
		"GET /banks/{bank}/exchanges":                      c.bankExchanges,
		"GET /channels/{hub}/exchanges":                    c.channelExchanges,
		"GET /banks/{bank}/behaviour":                      c.bankBehaviour,
		"PUT /banks/{bank}/behaviour":                      c.putBankBehaviour,
		"DELETE /banks/{bank}/behaviour":                   c.removeBankBehaviour,
		"GET /channels/{hub}/behaviour":                    c.channelBehaviour,
		"PUT /channels/{hub}/behaviour":                    c.putChannelBehaviour,
		"DELETE /channels/{hub}/behaviour":                 c.removeChannelBehaviour,
	} {
		mux.Handle(pattern, c.handle(serve))
	}
	return problemsFor(mux)
}

func (c *control) open(ctx context.Context, address string) error {
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	c.inner = netutil.LimitListener(inner, controlConns)
	return nil
}

func (c *control) address() string { return c.inner.Addr().String() }

// run serves until ctx ends. Long polls end with it.
func (c *control) run(ctx context.Context) error {
	c.server.BaseContext = func(net.Listener) context.Context { return ctx }
	served := make(chan error, 1)
	go func() { served <- c.server.Serve(c.inner) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve the control port: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), controlGrace)
	defer cancel()
	if c.server.Shutdown(grace) != nil {
		_ = c.server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// health answers 200 once the banks can be asked.
func (c *control) health(r *http.Request) (any, error) {
	if err := query(r).done(); err != nil {
		return nil, err
	}
	if !c.farm.isReady() {
		return nil, newProblem(http.StatusServiceUnavailable, "starting", "the banks' books are being opened")
	}
	return map[string]any{"status": "ok"}, nil
}
