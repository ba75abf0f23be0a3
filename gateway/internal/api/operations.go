package api

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// healthz says that the process lives. It asks nothing else, or a slow disk would get the process killed.
func (s *Server) healthz(c echo.Context) error {
	return c.JSONBlob(http.StatusOK, []byte(`{"status":"ok"}`))
}

// readyz says whether new work is welcome.
func (s *Server) readyz(c echo.Context) error {
	if s.leaving.Load() || s.stopping.Load() {
		return &op.Problem{Reason: op.ShuttingDown, Outcome: op.NotSent, Detail: "the gateway is shutting down"}
	}
	err := s.Ready()
	if was := s.unready.Swap(err != nil); err != nil && !was { // who asks each second is not told of each second
		s.Log.Error("not ready", "error", err)
	} else if err == nil && was {
		s.Log.Warn("ready again")
	}
	switch {
	case errors.Is(err, journal.ErrStorage):
		return &op.Problem{Reason: op.StorageFails, Outcome: op.NotSent, Detail: "the gateway's journal can't be written; its log says why"}
	case err != nil:
		return &op.Problem{Reason: op.Overloaded, Outcome: op.NotSent, Detail: "the gateway is not ready; its log says why"}
	}
	return s.healthz(c)
}

func openapi(c echo.Context) error {
	return c.Blob(http.StatusOK, "application/yaml", gen.Contract())
}
