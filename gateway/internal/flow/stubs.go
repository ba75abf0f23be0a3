package flow

import (
	"context"
	"errors"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

var errUnwritten = errors.New("unwritten")

// Replay implements API.
func (s *Service) Replay(context.Context, Keyed) (int, []byte, bool, error) {
	return 0, nil, false, errUnwritten
}

// Resolve implements API.
func (s *Service) Resolve(context.Context, string, []Candidate) (Resolution, secret.Card, error) {
	return Resolution{}, secret.Card{}, errUnwritten
}

// Create implements API.
func (s *Service) Create(context.Context, NewBinding, Keyed) (Binding, error) {
	return Binding{}, errUnwritten
}

// Get implements API.
func (s *Service) Get(context.Context, string, string) (Binding, error) {
	return Binding{}, errUnwritten
}

// List implements API.
func (s *Service) List(context.Context, journal.Filter) ([]Binding, string, error) {
	return nil, "", errUnwritten
}

// Challenge implements API.
func (s *Service) Challenge(context.Context, string, string, string, Keyed) (Binding, error) {
	return Binding{}, errUnwritten
}

// Confirm implements API.
func (s *Service) Confirm(context.Context, string, string, secret.Code, secret.CVV, secret.Expiry, Keyed) (Binding, error) {
	return Binding{}, errUnwritten
}

// Cancel implements API.
func (s *Service) Cancel(context.Context, string, string, Keyed) (Binding, error) {
	return Binding{}, errUnwritten
}

// Revoke implements API.
func (s *Service) Revoke(context.Context, string, string, Keyed) (Binding, error) {
	return Binding{}, errUnwritten
}

// PasswordFree implements API.
func (s *Service) PasswordFree(context.Context, string, string, journal.PasswordFree, Keyed) (Binding, error) {
	return Binding{}, errUnwritten
}

// Told is what a query learned of an earlier attempt.
func (s *Service) Told(context.Context, journal.Attempt, op.Result) error { return errUnwritten }

// Heard is what a bank said unasked.
func (s *Service) Heard(context.Context, op.Notice) error { return errUnwritten }

// Expire ends sessions whose time is over and says how many. At most limit at once.
func (s *Service) Expire(context.Context, int) (int, error) { return 0, errUnwritten }
