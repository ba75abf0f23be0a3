package jws

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

// outside makes what stands around a body: method and path or status, and the headers.
func (c *Codec) outside(m wire.Message, s shape) (wire.Frame, error) {
	f := wire.Frame{Method: s.method, Path: s.path, Status: s.status}
	add := func(name, value string) { f.Headers = append(f.Headers, wire.Header{Name: name, Value: value}) }
	switch m.(type) {
	case *TokenRequest:
		add("Content-Type", "application/x-www-form-urlencoded")
	case *ConsentQuery, *RevocationQuery, *Bare:
	default:
		add("Content-Type", "application/json")
	}
	interaction, err := c.interaction(s)
	if err != nil {
		return f, err
	}
	if interaction != "" {
		add(headerInteraction, interaction)
	}
	if s.retry != 0 {
		if reason := c.kinds.seconds.check(strconv.FormatInt(s.retry, 10)); reason != "" {
			return f, &wire.FieldError{Field: headerRetry, Reason: reason}
		}
		add(headerRetry, strconv.FormatInt(s.retry, 10))
	}
	if s.method == "" {
		return f, nil
	}
	add("Accept", "application/json")
	if s.head.Bank != "" {
		if reason := c.kinds.bank.check(s.head.Bank); reason != "" {
			return f, &wire.FieldError{Field: headerBank, Reason: reason}
		}
		add(headerBank, s.head.Bank)
	}
	if s.number != "" {
		add(headerKey, s.number)
	}
	if s.head.AuthDate != "" {
		at, err := time.Parse(time.RFC3339, s.head.AuthDate)
		if err != nil {
			return f, &wire.FieldError{Field: headerAuthDate, Reason: "not a time as in RFC 3339"}
		}
		add(headerAuthDate, at.UTC().Format(http.TimeFormat))
	}
	return f, nil
}

// interaction is the message's own, or a new one for a request.
func (c *Codec) interaction(s shape) (string, error) {
	id := s.head.Interaction
	if id == "" && s.method != "" {
		var b [16]byte
		if _, err := io.ReadFull(c.random, b[:]); err != nil {
			return "", fmt.Errorf("%s: %w", headerInteraction, err)
		}
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
		h := hex.EncodeToString(b[:])
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
	}
	if id != "" && !c.uuid.MatchString(id) {
		return "", &wire.FieldError{Field: headerInteraction, Reason: "not a UUID"}
	}
	return id, nil
}

// agree reads what stands outside a signed body into the message's head, and
// sees that it says the same as what stands inside.
func (c *Codec) agree(f wire.Frame, m wire.Message, s shape) error {
	bank := s.head.Bank
	if err := c.around(f, s.head, s.method != ""); err != nil {
		return err
	}
	if s.method == "" {
		return c.agreeAnswer(f, m, s)
	}
	if s.head.Bank != bank && s.head.Bank != "" {
		return &wire.FieldError{Field: headerBank, Reason: "another than Bank"}
	}
	s.head.Bank = bank
	if f.Method != s.method || f.Path != s.path {
		return &wire.FieldError{Field: "method and path", Reason: "other than those of the body's type"}
	}
	if key, err := only(f, headerKey); err != nil || key != s.number {
		return &wire.FieldError{Field: headerKey, Reason: "another than the body's number"}
	}
	return nil
}

func (c *Codec) agreeAnswer(f wire.Frame, m wire.Message, s shape) error {
	if f.Method != "" || f.Path != "" {
		return &wire.FieldError{Field: "method and path", Reason: "of a request, with the body of an answer"}
	}
	created := status(f) == http.StatusCreated
	switch m := m.(type) {
	case *Consent:
		m.Created = created
	case *RevocationResult:
		m.Created = created
	}
	s, _ = shapeOf(m)
	if status(f) != s.status {
		return &wire.FieldError{Field: "status", Reason: "another than that of the body's type"}
	}
	if text, err := only(f, headerRetry); err != nil || text != "" && text != strconv.FormatInt(s.retry, 10) {
		return &wire.FieldError{Field: headerRetry, Reason: "another than RetryAfterS"}
	}
	return nil
}

// status of a frame; none is that of a proper answer.
func status(f wire.Frame) int {
	if f.Status == 0 {
		return http.StatusOK
	}
	return f.Status
}

// around reads the headers that are the same for all messages. A request must have an interaction.
func (c *Codec) around(f wire.Frame, h *Head, request bool) error {
	var err error
	if h.Interaction, err = only(f, headerInteraction); err != nil {
		return err
	}
	switch {
	case h.Interaction == "" && request:
		return &wire.FieldError{Field: headerInteraction, Reason: "missing"}
	case h.Interaction != "" && !c.uuid.MatchString(h.Interaction):
		return &wire.FieldError{Field: headerInteraction, Reason: "not a UUID"}
	case !request:
		return nil
	}
	if h.Bank, err = only(f, headerBank); err != nil {
		return err
	}
	if h.Bank != "" {
		if reason := c.kinds.bank.check(h.Bank); reason != "" {
			return &wire.FieldError{Field: headerBank, Reason: reason}
		}
	}
	date, err := only(f, headerAuthDate)
	if err != nil {
		return err
	}
	if date != "" {
		at, err := time.Parse(http.TimeFormat, date)
		if err != nil {
			return &wire.FieldError{Field: headerAuthDate, Reason: "not an HTTP date"}
		}
		h.AuthDate = at.Format(time.RFC3339)
	}
	// A header that is no bearer token is none: whether one is needed is for the bank to say.
	if scheme, token, ok := strings.Cut(f.Header("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") && c.kinds.token.check(token) == "" {
		h.Bearer = secret.NewKey(token)
	}
	return nil
}

var errTwice = errors.New("twice")

// only returns the one value of a header. Two are refused: which of them counts would be the reader's choice.
func only(f wire.Frame, name string) (string, error) {
	value, seen := "", false
	for _, h := range f.Headers {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		if seen {
			return "", &wire.FieldError{Field: name, Reason: errTwice.Error()}
		}
		value, seen = h.Value, true
	}
	return value, nil
}
