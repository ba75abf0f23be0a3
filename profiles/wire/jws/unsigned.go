package jws

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// unsigned reads a frame that has no signature: the few messages of this
// family that have none. Anything else lacks its seal.
func (c *Codec) unsigned(f wire.Frame) (wire.Message, error) {
	switch {
	case c.ring.Side() == seal.Gateway && f.Method == "" && f.Path == "":
		return c.unsignedAnswer(f)
	case c.ring.Side() == seal.Bank && f.Method == http.MethodGet:
		return c.query(f)
	case c.ring.Side() == seal.Bank && f.Method == http.MethodPost && f.Path == pathToken:
		return c.tokenRequest(f)
	}
	return nil, wire.ErrSealMissing
}

func (c *Codec) query(f wire.Frame) (wire.Message, error) {
	if len(f.Body) > 0 {
		return nil, wire.ErrMalformed
	}
	var (
		m      wire.Message
		number *string
		head   *Head
	)
	resource, id, _ := strings.Cut(f.Path, "/")
	switch resource {
	case pathConsents:
		q := new(ConsentQuery)
		m, number, head = q, &q.RequestID, &q.Head
	case pathRevocations:
		q := new(RevocationQuery)
		m, number, head = q, &q.RequestID, &q.Head
	default:
		return nil, wire.ErrUnknownType
	}
	if reason := c.kinds.request.check(id); reason != "" {
		return nil, &wire.FieldError{Field: "path", Reason: reason}
	}
	*number = id
	return m, c.around(f, head, true)
}

// tokenRequest reads a form, in which each name may come once.
func (c *Codec) tokenRequest(f wire.Frame) (wire.Message, error) {
	form, err := url.ParseQuery(string(f.Body))
	if err != nil {
		return nil, wire.ErrMalformed
	}
	for name, values := range form {
		if len(values) != 1 || name != "grant_type" && name != "client_id" && name != "scope" {
			return nil, &wire.FieldError{Field: "a name of the form", Reason: "unknown or twice"}
		}
	}
	if form.Get("grant_type") != "client_credentials" {
		return nil, &wire.FieldError{Field: "grant_type", Reason: "not client_credentials"}
	}
	m := &TokenRequest{ClientID: form.Get("client_id"), Scope: form.Get("scope")}
	if err := checkTokenRequest(m); err != nil {
		return nil, err
	}
	return m, c.around(f, &m.Head, true)
}

func checkTokenRequest(m *TokenRequest) error {
	if len(m.ClientID) > 64 || !isPrintable(m.ClientID) {
		return &wire.FieldError{Field: "client_id", Reason: "not 1 to 64 printable ASCII characters"}
	}
	if m.Scope != "" && (len(m.Scope) > 128 || !isPrintable(m.Scope)) {
		return &wire.FieldError{Field: "scope", Reason: "not 1 to 128 printable ASCII characters"}
	}
	return nil
}

// unsignedAnswer reads an answer of the token's endpoint, or one that only has a status.
func (c *Codec) unsignedAnswer(f wire.Frame) (wire.Message, error) {
	code := status(f)
	var head Head
	if err := c.around(f, &head, false); err != nil {
		head = Head{} // it comes from nobody that this protocol knows
	}
	body, err := parse(f.Body)
	if err != nil {
		body = &object{}
	}
	if _, ok := body.values["access_token"]; ok && code == http.StatusOK {
		m := &Token{Head: head}
		return m, c.fillUnsigned(body, c.kinds.tokenFields(m))
	}
	if _, ok := body.values["error"].(string); ok && (code == http.StatusBadRequest || code == http.StatusUnauthorized) {
		m := &TokenRefusal{Head: head, Status: int64(code)}
		return m, c.fillUnsigned(body, []field{plain("error", &m.Error, c.kinds.word, true)})
	}
	if !bare(int64(code)) {
		return nil, wire.ErrSealMissing
	}
	m := &Bare{Head: head, Status: int64(code)}
	if after := f.Header(headerRetry); after != "" && c.kinds.seconds.check(after) == "" {
		m.RetryAfterS, _ = strconv.ParseInt(after, 10, 64)
	}
	return m, nil
}

// fillUnsigned passes over members that it does not know, as RFC 6749 demands.
func (c *Codec) fillUnsigned(o *object, fields []field) error {
	if err := fill(o, fields, true); err != nil {
		return err
	}
	for i := range fields {
		if err := fields[i].check(fields[i].get()); err != nil {
			return err
		}
	}
	return nil
}

func bare(status int64) bool {
	return status == http.StatusUnauthorized || status == http.StatusTooManyRequests || status >= 500 && status <= 599
}

// unsignedBody writes the body of a message that is not signed, nil where it has none.
func (c *Codec) unsignedBody(m wire.Message) ([]byte, error) {
	switch m := m.(type) {
	case *TokenRequest:
		if err := checkTokenRequest(m); err != nil {
			return nil, err
		}
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {m.ClientID}}
		if m.Scope != "" {
			form.Set("scope", m.Scope)
		}
		return []byte(form.Encode()), nil
	case *Token:
		return c.unsignedData(c.kinds.tokenFields(m))
	case *TokenRefusal:
		if m.Status != http.StatusBadRequest && m.Status != http.StatusUnauthorized {
			return nil, &wire.FieldError{Field: "status", Reason: "not 400 or 401"}
		}
		return c.unsignedData([]field{plain("error", &m.Error, c.kinds.word, true)})
	case *ConsentQuery:
		return nil, c.checkNumber(m.RequestID)
	case *RevocationQuery:
		return nil, c.checkNumber(m.RequestID)
	case *Bare:
		if !bare(m.Status) {
			return nil, &wire.FieldError{Field: "status", Reason: "not 401, 429 or 500 to 599"}
		}
	}
	return nil, nil
}

func (c *Codec) unsignedData(fields []field) ([]byte, error) {
	for i := range fields {
		if err := fields[i].check(fields[i].get()); err != nil {
			return nil, err
		}
	}
	return appendData(nil, fields), nil
}

func (c *Codec) checkNumber(number string) error {
	if reason := c.kinds.request.check(number); reason != "" {
		return &wire.FieldError{Field: "RequestId", Reason: reason}
	}
	return nil
}
