package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/op"
)

// change runs a request that changes something: an earlier answer to the same
// key is given again, otherwise do is called and its answer is rendered, with
// the very same function that makes the stored one.
func (s *Server) change(ctx context.Context, status func(flow.Binding) int, do func(flow.Keyed) (flow.Binding, error)) (*answer, error) {
	this := callOf(ctx)
	keyed := s.keyed(this)
	keyed.Render = func(b flow.Binding, p *op.Problem) (int, []byte) { return s.render(this, b, p, status) }
	if a, err := s.replayed(ctx, this, keyed); a != nil || err != nil {
		return a, err
	}
	b, err := do(keyed)
	this.bank = b.Bank
	if err != nil {
		p, special, ok := problemOf(err)
		if !ok || special != nil {
			return nil, err
		}
		this.code, this.bank = p.Reason, p.Bank
		code, body := s.render(this, b, p, status)
		return s.answer(this, code, body).asked(b), nil
	}
	code, body := s.render(this, b, nil, status)
	return s.answer(this, code, body).asked(b), nil
}

// keyed is the request's idempotency key, or zero where it has none.
func (s *Server) keyed(this *call) flow.Keyed {
	if this.key == "" {
		return flow.Keyed{}
	}
	return flow.Keyed{
		Caller: this.caller, Route: this.method + " " + this.path, Key: this.key, Fingerprint: s.Fingerprint(canonical(this.doc)),
	}
}

// replayed is the stored answer to the key, or nil.
func (s *Server) replayed(ctx context.Context, this *call, keyed flow.Keyed) (*answer, error) {
	if keyed.Key == "" {
		return nil, nil //nolint:nilnil // there is neither
	}
	code, body, done, err := s.Flow.Replay(ctx, keyed)
	if err != nil || !done {
		return nil, err
	}
	a := s.answer(this, code, body)
	a.replayed = true
	return a, nil
}

func (s *Server) render(this *call, b flow.Binding, p *op.Problem, status func(flow.Binding) int) (int, []byte) {
	if p != nil {
		return s.document(p, this)
	}
	body, err := json.Marshal(s.binding(b))
	if err != nil {
		return s.document(&op.Problem{Reason: op.Internal, Binding: b.ID, Detail: "the answer could not be written"}, this)
	}
	return status(b), body
}

// canonical is the body that a fingerprint is made of: keys in order, and
// neither CVV nor code.
func canonical(doc document) []byte {
	object, ok := doc.value.(map[string]any)
	if !ok {
		return []byte("{}")
	}
	object = maps.Clone(object)
	delete(object, "code")
	if card, ok := object["card"].(map[string]any); ok {
		card = maps.Clone(card)
		delete(card, "cvv")
		object["card"] = card
	}
	out, err := json.Marshal(object)
	if err != nil { // what came out of JSON goes back into it
		return []byte("{}")
	}
	return out
}

// made is 201 for a binding that the bank challenges, 202 for one whose apply is not decided.
func made(b flow.Binding) int {
	if b.State == flow.Processing {
		return http.StatusAccepted
	}
	return http.StatusCreated
}

// decided is 202 while the bank, or somebody in it, still has to say.
func decided(b flow.Binding) int {
	switch b.State {
	case flow.Processing, flow.AwaitingApproval, flow.Revoking:
		return http.StatusAccepted
	}
	return http.StatusOK
}
