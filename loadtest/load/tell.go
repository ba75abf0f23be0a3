package load

import (
	"context"
	"errors"
	"syscall"
	"time"
)

// answered records an answer.
func (s *session) answered(step Step, took time.Duration, a Answer) {
	s.Record.Answered(s.subject.Lane, step, took, a)
	s.heard.answer(step, a)
}

// failed records what was found out to have failed.
func (s *session) failed(step Step, a Answer) {
	s.Record.Failed(s.subject.Lane, step, a.Category, a.Code)
	s.heard.answer(step, Answer{Category: a.Category, Code: a.Code})
}

// missed records a request without an answer.
func (s *session) missed(step Step, took time.Duration, err error) string {
	code := transportCode(err)
	s.Record.Missed(s.subject.Lane, step, took, CategoryTransport, code)
	s.heard.answer(step, Answer{Category: CategoryTransport, Code: code})
	return EndUnanswered
}

// transportCode names why there was no answer, in words that hold nothing of the request.
func transportCode(err error) string {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, errNotJSON):
		return "not_json"
	case errors.Is(err, context.Canceled):
		return "cut_off"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "connection_reset"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "out_of_sockets" // the load tester's own machine
	}
	return "no_answer"
}

// sleep returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
