package api

import (
	"errors"
	"fmt"
	"net/http"

	"kaqiao/gateway/internal/op"
)

func malformed(detail string) *op.Problem {
	return &op.Problem{Reason: op.Malformed, Outcome: op.NotSent, Detail: detail}
}

func tooLarge(limit int64) error {
	return &failure{Problem: *malformed(fmt.Sprintf("the body is longer than %d bytes", limit)), status: http.StatusRequestEntityTooLarge}
}

// failure is a problem whose status is more telling than the one of its code.
type failure struct {
	op.Problem
	status int
}

func (f *failure) Error() string { return f.Problem.Error() }

// Unwrap makes errors.As find the problem.
func (f *failure) Unwrap() error { return &f.Problem }

// problemOf finds the problem that an error is, and a status if it has one of its own.
func problemOf(err error) (*op.Problem, *failure, bool) {
	var f *failure
	if errors.As(err, &f) {
		return &f.Problem, f, true
	}
	var p *op.Problem
	ok := errors.As(err, &p)
	return p, nil, ok
}
