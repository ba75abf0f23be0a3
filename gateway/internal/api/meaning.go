package api

import (
	"strings"

	"kaqiao/gateway/internal/flow"
	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// meaning names what is wrong with a body that has not the schema's form, as
// far as its meaning can be told: a caller hears of every field at once.
type meaning func(body map[string]any) []op.Field

// bindingMeaning is that of a binding request, and of a verification's, which is one without an agreement.
func (s *Server) bindingMeaning(body map[string]any) []op.Field {
	enabled, _ := at(body, "agreement", "password_free", "enabled").(bool)
	fen, _ := at(body, "agreement", "password_free", "limit", "minor").(float64)
	restricted, _ := at(body, "terminal", "restricted_mode").(bool)
	var mark *bool
	if stands, ok := at(body, "card", "quickpass").(bool); ok {
		mark = &stands
	}
	return s.Flow.Faults(flow.NewBinding{
		IdentityLevel: text(body, "identity_level"), QuickPass: mark,
		UserID: text(body, "user_id"), Platform: text(body, "platform"),
		Card: secret.NewCard(text(body, "card", "number")), CVV: secret.NewCVV(text(body, "card", "cvv")), Expiry: secret.NewExpiry(text(body, "card", "expiry")),
		Name: secret.NewName(text(body, "holder", "name")), DocumentType: text(body, "holder", "document", "type"),
		Document: secret.NewDocument(text(body, "holder", "document", "number")), Mobile: secret.NewMobile(text(body, "holder", "mobile")),
		Terminal: flow.Terminal{
			OS: text(body, "terminal", "os"), OSVersion: text(body, "terminal", "os_version"),
			ClientVersion: text(body, "terminal", "client_version"), RestrictedMode: restricted, ProtocolVersion: text(body, "terminal", "protocol_version"),
		},
		PasswordFree: journal.PasswordFree{Enabled: enabled, LimitFen: int64(fen)},
	})
}

// at finds a value, or nil.
func at(body map[string]any, path ...string) any {
	var value any = body
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

func text(body map[string]any, path ...string) string {
	s, _ := at(body, path...).(string)
	return s
}

// further are those of more that neither are among fields nor lie within one of them.
func further(fields, more []op.Field) []op.Field {
	var out []op.Field
next:
	for _, m := range more {
		for _, f := range fields {
			if m.Pointer == f.Pointer || strings.HasPrefix(m.Pointer, f.Pointer+"/") {
				continue next
			}
		}
		out = append(out, m)
	}
	return out
}
