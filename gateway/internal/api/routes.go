package api

import (
	"github.com/labstack/echo/v4"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/console"
)

// routes is the whole of the northbound face. A test holds it against openapi.yaml.
func (s *Server) routes(e *echo.Echo) {
	h := gen.ServerInterfaceWrapper{Handler: gen.NewStrictHandler(s, nil)}
	called := []echo.MiddlewareFunc{s.authenticate, s.check}

	e.POST("/v1/cards/resolve", h.ResolveCard, called...)

	e.POST("/v1/bindings", h.CreateBinding, called...)
	e.GET("/v1/bindings", h.ListBindings, called...)
	e.GET("/v1/bindings/:id", h.GetBinding, called...)
	e.POST("/v1/bindings/:id/challenge", h.ChallengeBinding, called...)
	e.POST("/v1/bindings/:id/confirm", h.ConfirmBinding, called...)
	e.POST("/v1/bindings/:id/cancel", h.CancelBinding, called...)
	e.PUT("/v1/bindings/:id/password-free", h.PutPasswordFree, called...)
	e.DELETE("/v1/bindings/:id", h.RevokeBinding, called...)

	e.POST("/v1/verifications", h.CreateVerification, called...)
	e.GET("/v1/events", h.ListEvents, called...)
	e.POST("/v1/events/replay", h.ReplayEvents, called...)
	e.GET("/v1/keys", h.ListKeys, called...)

	e.GET("/v1/banks", h.ListBanks, called...)
	e.GET("/v1/banks/:id", h.GetBank, called...)
	e.PUT("/v1/banks/:id/breaker", h.ForceBank, called...)
	e.PUT("/v1/channels/:id/breaker", h.ForceChannel, called...)

	e.GET("/v1/undecided", h.ListUndecided, called...)
	e.GET("/v1/undecided/:attempt", h.GetUndecided, called...)
	e.POST("/v1/undecided/:attempt/decide", h.DecideAttempt, called...)

	e.GET("/healthz", s.healthz)
	e.GET("/readyz", s.readyz)
	e.GET("/metrics", echo.WrapHandler(s.Metrics))
	e.GET("/openapi.yaml", openapi)
	e.GET("/console", echo.WrapHandler(console.Handler()))
	e.GET("/console/:file", echo.WrapHandler(console.Handler()))
}
