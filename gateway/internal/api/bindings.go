package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
)

var _ gen.StrictServerInterface = (*Server)(nil)

const defaultPage = 50

// CreateBinding starts a session.
func (s *Server) CreateBinding(ctx context.Context, r gen.CreateBindingRequestObject) (gen.CreateBindingResponseObject, error) {
	wish := r.Body.Agreement.PasswordFree
	in := asked(ctx, r.Body.UserID, r.Body.Platform, r.Body.IdentityLevel, r.Body.Card, r.Body.Holder, r.Body.Terminal)
	in.PasswordFree = journal.PasswordFree{Enabled: wish.Enabled, LimitFen: wish.Limit.Minor}
	return s.change(ctx, made, func(k flow.Keyed) (flow.Binding, error) { return s.Flow.Create(ctx, in, k) })
}

// asked is what a binding and a verification have in common.
func asked(ctx context.Context, user, platform string, level gen.IdentityLevel, card gen.Card, holder gen.Holder, t gen.Terminal) flow.NewBinding {
	return flow.NewBinding{
		Caller: callOf(ctx).caller, UserID: user, Platform: platform, IdentityLevel: string(level),
		Card: card.Number, CVV: card.Cvv, Expiry: card.Expiry, QuickPass: card.Quickpass,
		Name: holder.Name, DocumentType: string(holder.Document.Type), Document: holder.Document.Number, Mobile: holder.Mobile, Email: holder.Email,
		Terminal: flow.Terminal{
			OS: string(t.Os), OSVersion: t.OsVersion, ClientVersion: t.ClientVersion,
			RestrictedMode: t.RestrictedMode, ProtocolVersion: t.ProtocolVersion,
		},
	}
}

// GetBinding shows one binding with its history.
func (s *Server) GetBinding(ctx context.Context, r gen.GetBindingRequestObject) (gen.GetBindingResponseObject, error) {
	b, err := s.Flow.Get(ctx, callOf(ctx).caller, r.ID)
	if err != nil {
		return nil, err
	}
	a, err := s.ok(ctx, s.binding(b))
	if err != nil {
		return nil, err
	}
	return a.asked(b), nil
}

// ListBindings shows one page.
func (s *Server) ListBindings(ctx context.Context, r gen.ListBindingsRequestObject) (gen.ListBindingsResponseObject, error) {
	filter := journal.Filter{Caller: callOf(ctx).caller, UserID: r.Params.UserID, Before: r.Params.Cursor, Limit: r.Params.Limit}
	if filter.Limit == 0 {
		filter.Limit = defaultPage
	}
	for _, state := range r.Params.Status {
		filter.States = append(filter.States, string(state))
	}
	page, next, err := s.Flow.List(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := gen.BindingPage{Bindings: make([]gen.Binding, len(page)), NextCursor: next}
	for i, b := range page {
		out.Bindings[i] = s.binding(b)
	}
	return s.ok(ctx, out)
}

// ChallengeBinding has the code sent again.
func (s *Server) ChallengeBinding(ctx context.Context, r gen.ChallengeBindingRequestObject) (gen.ChallengeBindingResponseObject, error) {
	return s.change(ctx, decided, func(k flow.Keyed) (flow.Binding, error) {
		return s.Flow.Challenge(ctx, callOf(ctx).caller, r.ID, string(r.Body.Kind), r.Body.Card.Cvv, r.Body.Card.Expiry, k)
	})
}

// ConfirmBinding brings the code.
func (s *Server) ConfirmBinding(ctx context.Context, r gen.ConfirmBindingRequestObject) (gen.ConfirmBindingResponseObject, error) {
	return s.change(ctx, decided, func(k flow.Keyed) (flow.Binding, error) {
		return s.Flow.Confirm(ctx, callOf(ctx).caller, r.ID, r.Body.Code, r.Body.Card.Cvv, r.Body.Card.Expiry, k)
	})
}

// CancelBinding gives up.
func (s *Server) CancelBinding(ctx context.Context, r gen.CancelBindingRequestObject) (gen.CancelBindingResponseObject, error) {
	return s.change(ctx, decided, func(k flow.Keyed) (flow.Binding, error) {
		return s.Flow.Cancel(ctx, callOf(ctx).caller, r.ID, k)
	})
}

// RevokeBinding ends the agreement.
func (s *Server) RevokeBinding(ctx context.Context, r gen.RevokeBindingRequestObject) (gen.RevokeBindingResponseObject, error) {
	return s.change(ctx, decided, func(k flow.Keyed) (flow.Binding, error) {
		return s.Flow.Revoke(ctx, callOf(ctx).caller, r.ID, k)
	})
}

// PutPasswordFree switches small payments without a password.
func (s *Server) PutPasswordFree(ctx context.Context, r gen.PutPasswordFreeRequestObject) (gen.PutPasswordFreeResponseObject, error) {
	want := journal.PasswordFree{Enabled: r.Body.Enabled, LimitFen: r.Body.Limit.Minor}
	return s.change(ctx, func(flow.Binding) int { return http.StatusOK }, func(k flow.Keyed) (flow.Binding, error) {
		return s.Flow.PasswordFree(ctx, callOf(ctx).caller, r.ID, want, k)
	})
}

func (s *Server) ok(ctx context.Context, body any) (*answer, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write answer: %w", err)
	}
	return s.answer(callOf(ctx), http.StatusOK, raw), nil
}
