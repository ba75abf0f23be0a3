package api

import (
	"context"
	"errors"
	"testing"

	"kaqiao/gateway/internal/flow"
	"kaqiao/profiles/secret"
)

// The balancer is told first; then new work is refused, and what is under way is waited for.
func TestAStopIsToldFirst(t *testing.T) {
	r := serve(t)
	ready := func() int { return r.do("GET", "/readyz", "", "Authorization", "").StatusCode }
	r.server.Leave()
	if ready() != 503 || r.do("GET", "/v1/banks", "").StatusCode != 200 {
		t.Error("a leaving gateway must not be ready, and must serve all the same")
	}
	held, release := make(chan struct{}), make(chan struct{})
	r.flow.resolve = func([]flow.Candidate) (flow.Resolution, secret.Card, error) {
		close(held)
		<-release
		return flow.Resolution{}, secret.Card{}, nil
	}
	first := make(chan got)
	go func() { first <- r.do("POST", "/v1/cards/resolve", `{"number":"6228480402564890018"}`) }()
	<-held
	r.server.Stop()
	g := r.do("GET", "/v1/banks", "")
	if p := g.problem(t); g.StatusCode != 503 || p.Code != "shutting_down" || p.Outcome != "not_sent" || g.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", g.StatusCode, g.body)
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.server.Idle(impatient); !errors.Is(err, context.Canceled) {
		t.Errorf("a request is under way: %v", err)
	}
	idle := make(chan error)
	go func() { idle <- r.server.Idle(t.Context()) }()
	close(release)
	if g := <-first; g.StatusCode != 200 {
		t.Errorf("the one under way: %d %s", g.StatusCode, g.body)
	}
	if err := <-idle; err != nil {
		t.Error(err)
	}
}
