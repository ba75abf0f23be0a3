package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/crash"
	"kaqiao/gateway/internal/flow"
)

const (
	plainJSON   = "application/json"
	problemJSON = "application/problem+json"
)

// answer is what every route gives back: bytes that are made once, so that the
// stored answer of an idempotency key and the first one are the same.
type answer struct {
	call     *call
	now      func() time.Time
	status   int
	kind     string
	body     []byte
	replayed bool
	made     string        // the binding's id, where it is known
	number   string        // of the exchange with the bank
	bankTook time.Duration // of that exchange
}

func (s *Server) answer(c *call, status int, body []byte) *answer {
	a := &answer{call: c, now: s.Now, status: status, kind: plainJSON, body: body}
	if status >= http.StatusBadRequest {
		a.kind = problemJSON
	}
	return a
}

func (a *answer) asked(b flow.Binding) *answer {
	a.made, a.number, a.bankTook = b.ID, b.AttemptNumber, b.BankTook
	return a
}

func (a *answer) write(w http.ResponseWriter) error {
	crash.Here(crash.APIAnswering, a.call.method)
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if a.number != "" {
		h.Set("Kaqiao-Bank-Number", a.number)
	}
	if a.replayed {
		h.Set("Idempotency-Replayed", "true")
	}
	if a.status == http.StatusCreated {
		h.Set("Location", a.location())
	}
	if a.kind == problemJSON {
		if after := retryAfter(a.body); after != "" {
			h.Set("Retry-After", after)
		}
	}
	h.Set("Server-Timing", a.timing())
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, err := w.Write(a.body)
	if crash.Enabled { // what lies in a buffer has not left
		err = errors.Join(err, http.NewResponseController(w).Flush())
	}
	crash.Here(crash.APIAnswered, a.call.method)
	return err
}

// location is the path of the binding that was made. A stored answer knows its id from its body alone.
func (a *answer) location() string {
	made := struct {
		ID string `json:"id"`
	}{a.made}
	if made.ID == "" && json.Unmarshal(a.body, &made) != nil {
		return ""
	}
	return "/v1/bindings/" + made.ID
}

func (a *answer) timing() string {
	b := make([]byte, 0, 48)
	if a.number != "" {
		b = append(millis(append(b, "bank;dur="...), a.bankTook), ", "...)
	}
	return string(millis(append(b, "total;dur="...), a.now().Sub(a.call.begun)))
}

func millis(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d.Microseconds())/1000, 'f', 3, 64)
}

// One answer serves every route of the strict server.
var (
	_ gen.CreateBindingResponseObject    = (*answer)(nil)
	_ gen.ListBindingsResponseObject     = (*answer)(nil)
	_ gen.GetBindingResponseObject       = (*answer)(nil)
	_ gen.ChallengeBindingResponseObject = (*answer)(nil)
	_ gen.ConfirmBindingResponseObject   = (*answer)(nil)
	_ gen.CancelBindingResponseObject    = (*answer)(nil)
	_ gen.RevokeBindingResponseObject    = (*answer)(nil)
	_ gen.PutPasswordFreeResponseObject  = (*answer)(nil)
	_ gen.ResolveCardResponseObject      = (*answer)(nil)
	_ gen.ListBanksResponseObject        = (*answer)(nil)
	_ gen.GetBankResponseObject          = (*answer)(nil)
	_ gen.ForceBankResponseObject        = (*answer)(nil)
	_ gen.ForceChannelResponseObject     = (*answer)(nil)

	_ gen.CreateVerificationResponseObject = (*answer)(nil)
	_ gen.ListKeysResponseObject           = (*answer)(nil)
	_ gen.ListUndecidedResponseObject      = (*answer)(nil)
	_ gen.GetUndecidedResponseObject       = (*answer)(nil)
	_ gen.DecideAttemptResponseObject      = (*answer)(nil)
	_ gen.ListEventsResponseObject         = (*answer)(nil)
	_ gen.ReplayEventsResponseObject       = (*answer)(nil)
)

func (a *answer) VisitCreateBindingResponse(w http.ResponseWriter) error    { return a.write(w) }
func (a *answer) VisitListBindingsResponse(w http.ResponseWriter) error     { return a.write(w) }
func (a *answer) VisitGetBindingResponse(w http.ResponseWriter) error       { return a.write(w) }
func (a *answer) VisitChallengeBindingResponse(w http.ResponseWriter) error { return a.write(w) }
func (a *answer) VisitConfirmBindingResponse(w http.ResponseWriter) error   { return a.write(w) }
func (a *answer) VisitCancelBindingResponse(w http.ResponseWriter) error    { return a.write(w) }
func (a *answer) VisitRevokeBindingResponse(w http.ResponseWriter) error    { return a.write(w) }
func (a *answer) VisitPutPasswordFreeResponse(w http.ResponseWriter) error  { return a.write(w) }
func (a *answer) VisitResolveCardResponse(w http.ResponseWriter) error      { return a.write(w) }
func (a *answer) VisitListBanksResponse(w http.ResponseWriter) error        { return a.write(w) }
func (a *answer) VisitGetBankResponse(w http.ResponseWriter) error          { return a.write(w) }
func (a *answer) VisitForceBankResponse(w http.ResponseWriter) error        { return a.write(w) }
func (a *answer) VisitForceChannelResponse(w http.ResponseWriter) error     { return a.write(w) }

func (a *answer) VisitCreateVerificationResponse(w http.ResponseWriter) error { return a.write(w) }
func (a *answer) VisitListKeysResponse(w http.ResponseWriter) error           { return a.write(w) }
func (a *answer) VisitListEventsResponse(w http.ResponseWriter) error         { return a.write(w) }
func (a *answer) VisitReplayEventsResponse(w http.ResponseWriter) error       { return a.write(w) }
func (a *answer) VisitListUndecidedResponse(w http.ResponseWriter) error      { return a.write(w) }
func (a *answer) VisitGetUndecidedResponse(w http.ResponseWriter) error       { return a.write(w) }
func (a *answer) VisitDecideAttemptResponse(w http.ResponseWriter) error      { return a.write(w) }
