package jws

import (
	"net/http"

	"kaqiao/profiles/wire"
)

// The headers of the family (found; x-fapi-financial-id from memory).
const (
	headerSignature   = "x-jws-signature"
	headerKey         = "x-idempotency-key"
	headerInteraction = "x-fapi-interaction-id"
	headerAuthDate    = "x-fapi-auth-date"
	headerBank        = "x-fapi-financial-id"
	headerRetry       = "Retry-After"
)

// shape is how a message travels over HTTP.
type shape struct {
	head   *Head
	signed bool
	// A request has a method, an answer a status.
	method, path string
	status       int
	number       string // a request's x-idempotency-key
	retry        int64  // an answer's Retry-After, seconds
}

func shapeOf(m wire.Message) (shape, bool) {
	post := func(h *Head, path, number string) shape {
		return shape{head: h, signed: true, method: http.MethodPost, path: path, number: number}
	}
	get := func(h *Head, path string) shape { return shape{head: h, method: http.MethodGet, path: path} }
	answer := func(h *Head, created bool) shape {
		s := shape{head: h, signed: true, status: http.StatusOK}
		if created {
			s.status = http.StatusCreated
		}
		return s
	}
	switch m := m.(type) {
	case *TokenRequest:
		return shape{head: &m.Head, method: http.MethodPost, path: pathToken}, true
	case *Token:
		return shape{head: &m.Head, status: http.StatusOK}, true
	case *TokenRefusal:
		return shape{head: &m.Head, status: int(m.Status)}, true
	case *Bare:
		return shape{head: &m.Head, status: int(m.Status), retry: m.RetryAfterS}, true
	case *Verification:
		return post(&m.Head, pathVerifications, m.RequestID), true
	case *VerificationResult:
		return answer(&m.Head, false), true
	case *ConsentRequest:
		return post(&m.Head, pathConsents, m.RequestID), true
	case *Consent:
		return answer(&m.Head, m.Created), true
	case *ConsentQuery:
		return get(&m.Head, pathConsents+"/"+m.RequestID), true
	case *Revocation:
		return post(&m.Head, pathMandates+"/"+m.MandateID+"/"+pathRevocations, m.RequestID), true
	case *RevocationResult:
		return answer(&m.Head, m.Created), true
	case *RevocationQuery:
		return get(&m.Head, pathRevocations+"/"+m.RequestID), true
	case *Notice:
		return post(&m.Head, "", ""), true
	case *NoticeAck:
		return answer(&m.Head, false), true
	case *Problem:
		s := answer(&m.Head, false)
		s.status, s.retry = int(m.Status), m.RetryAfterS
		return s, true
	}
	return shape{}, false
}
