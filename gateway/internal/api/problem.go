package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"kaqiao/gateway/internal/api/gen"
	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// fail turns any error into a problem document. It is Echo's error handler.
func (s *Server) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	this := callOf(c.Request().Context())
	if this == nil { // a request that Echo refused before begin
		this = &call{id: newID(s.Now()), begun: s.Now()}
	}
	p, special := s.explain(err, this)
	this.code, this.bank = p.Reason, p.Bank
	status, body := s.document(p, this)
	if special != nil {
		status, body = s.documentAs(p, this, special.status)
	}
	a := s.answer(this, status, body)
	if err := a.write(c.Response()); err != nil {
		s.Log.Debug("the caller went away", "request_id", this.id)
	}
}

// explain finds what an error means to the caller, and logs what the caller must not see.
func (s *Server) explain(err error, this *call) (*op.Problem, *failure) {
	if p, special, ok := problemOf(err); ok {
		return p, special
	}
	var h *echo.HTTPError
	switch {
	case errors.As(err, &h) && h.Code == http.StatusNotFound:
		return notFound(), nil
	case errors.As(err, &h) && h.Code == http.StatusMethodNotAllowed:
		f := &failure{Problem: *malformed("this route takes another method"), status: h.Code}
		return &f.Problem, f
	case errors.As(err, &h) && h.Code/100 == 4:
		return malformed("the request is not well formed"), nil
	case errors.Is(err, journal.ErrFull):
		return &op.Problem{Reason: op.Overloaded, Outcome: op.NotSent, Detail: "the journal takes no more for the moment"}, nil
	case errors.Is(err, journal.ErrStorage): // flow knows where nothing was sent; here it may be about an earlier request
		return &op.Problem{Reason: op.StorageFails, Detail: "the gateway's journal can't be read or written for the moment"}, nil
	case errors.Is(err, context.Canceled):
		return &op.Problem{Reason: op.Internal, Detail: "the caller went away"}, nil
	}
	s.Log.Error("request failed", "request_id", this.id, "route", this.route, "error", err)
	return &op.Problem{Reason: op.Internal, Detail: "the gateway failed; the log knows more under this request_id"}, nil
}

// document renders a problem with the status of its code.
func (s *Server) document(p *op.Problem, this *call) (int, []byte) {
	if p.Reason == op.IdempotencyConflict && p.RetryAfterS > 0 {
		return s.documentAs(p, this, http.StatusConflict) // the first request with this key still runs
	}
	return s.documentAs(p, this, s.table.of(p.Reason).Status)
}

func (s *Server) documentAs(p *op.Problem, this *call, status int) (int, []byte) {
	e := s.table.of(p.Reason)
	f := facts{window: p.Window, afterS: p.RetryAfterS, attemptsLeft: p.AttemptsLeft, least: p.Least}
	if p.Reason == op.BankBusy && f.window == "" {
		if bank := s.Set.Bank(p.Bank); bank != nil {
			f.window = bank.QuietHours.String()
		}
	}
	retry := e.retry(f)
	if retry.AfterS != nil {
		f.afterS = *retry.AfterS
	}
	doc := gen.ProblemDocument{
		Type: "/problems/" + strings.ReplaceAll(string(e.Code), "_", "-"), Title: e.Title, Status: status,
		Detail: p.Detail, Instance: instance(p, this), Code: gen.ProblemCode(e.Code), Category: gen.ProblemCategory(e.Category),
		Outcome: gen.Outcome(p.Outcome.String()), Retry: retry, Remedy: e.remedy(f), Binding: p.Binding,
		AttemptsLeft: p.AttemptsLeft, RequestID: this.id,
	}
	if p.Reason == op.StepUpRequired {
		doc.Next = gen.ProblemNext{Action: gen.NextActionStepUp}
	}
	if p.Bank != "" {
		doc.Bank = gen.ProblemBank{ID: p.Bank, Code: p.RawCode}
	}
	for _, field := range p.Fields {
		doc.Errors = append(doc.Errors, gen.FieldError{Pointer: field.Pointer, Message: field.Message})
	}
	body, err := json.Marshal(doc)
	if err != nil { // nothing in a document can fail to be written
		return http.StatusInternalServerError, []byte(`{"code":"internal"}`)
	}
	return status, body
}

// instance is the binding that the problem is about, or else the path, as far
// as it holds nothing that a caller made up.
func instance(p *op.Problem, this *call) string {
	switch {
	case p.Binding != "":
		return "/v1/bindings/" + p.Binding
	case this.pathKnown:
		return this.path
	case this.route != "":
		return strings.ReplaceAll(this.route, ":id", "{id}")
	}
	return "/"
}

// bindingProblem is what a binding's own state says went wrong.
func (s *Server) bindingProblem(b flow.Binding) gen.BindingProblem {
	if b.Reason == "" {
		return gen.BindingProblem{}
	}
	e, f := s.table.of(b.Reason), facts{}
	if bank := s.Set.Bank(b.Bank); bank != nil && b.Reason == op.BankBusy {
		f.window = bank.QuietHours.String()
	}
	return gen.BindingProblem{
		Code: gen.ProblemCode(e.Code), Category: gen.ProblemCategory(e.Category), Title: e.Title,
		Retry: e.retry(f), Remedy: e.remedy(f), BankCode: b.RawCode,
	}
}

// retryAfter reads the seconds out of a problem document that is being answered, stored ones included.
func retryAfter(body []byte) string {
	var doc struct {
		Retry struct {
			AfterS int `json:"after_s"`
		} `json:"retry"`
	}
	if json.Unmarshal(body, &doc) != nil || doc.Retry.AfterS <= 0 {
		return ""
	}
	return strconv.Itoa(doc.Retry.AfterS)
}
