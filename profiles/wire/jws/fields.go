package jws

import (
	"strconv"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
)

// field is one value of a message's Data. Fields of one group stand together.
type field struct {
	name   string // Group/Name, or Name
	kind   kind
	needed bool
	get    func() string
	set    func(string)
}

func (f *field) fail(reason string) error {
	return &wire.FieldError{Field: "Data/" + f.name, Reason: reason}
}

// check returns nil where what stands in the field may stand there.
func (f *field) check(text string) error {
	if text == "" {
		if f.needed {
			return f.fail("missing")
		}
		return nil
	}
	if reason := f.kind.check(text); reason != "" {
		return f.fail(reason)
	}
	return nil
}

func plain(name string, text *string, k kind, needed bool) field {
	return field{name, k, needed, func() string { return *text }, func(s string) { *text = s }}
}

func hidden[K secret.Kind](name string, value *secret.Of[K], k kind, needed bool) field {
	return field{name, k, needed, func() string { return value.Reveal() }, func(s string) { *value = secret.New[K](s) }}
}

// integer is a number; 0 stands for none.
func integer(name string, n *int64, k kind, needed bool) field {
	get := func() string {
		if *n == 0 {
			return ""
		}
		return strconv.FormatInt(*n, 10)
	}
	set := func(s string) { *n, _ = strconv.ParseInt(s, 10, 64) } // checked by its kind
	return field{name, k, needed, get, set}
}

// fields lists a signed message's Data in the order in which it is written.
func (k *kinds) fields(m wire.Message) []field {
	switch m := m.(type) {
	case *Verification:
		return append([]field{plain("RequestId", &m.RequestID, k.request, true)}, k.person(&m.Account, &m.Holder)...)
	case *VerificationResult:
		return []field{
			plain("RequestId", &m.RequestID, k.request, true),
			plain("Result", &m.Result, words(Verified, NotVerified), true),
			plain("Reason", &m.Reason, k.code, m.Result == NotVerified),
			plain("Class", &m.Class, k.class, false),
		}
	case *ConsentRequest:
		fields := append([]field{plain("RequestId", &m.RequestID, k.request, true)}, k.person(&m.Account, &m.Holder)...)
		return append(fields,
			hidden("WalletAccount", &m.WalletAccount, k.account, false),
			plain("Challenge", &m.Challenge, words("email", "phone"), false))
	case *Consent:
		return k.consent("", &m.ConsentState, true)
	case *Revocation:
		return []field{
			plain("RequestId", &m.RequestID, k.request, true),
			plain("MandateId", &m.MandateID, k.id, true),
			hidden("WalletAccount", &m.WalletAccount, k.account, false),
			plain("AccountTail", &m.AccountTail, k.tail, false),
		}
	case *RevocationResult:
		return []field{
			plain("RequestId", &m.RequestID, k.request, true),
			plain("MandateId", &m.MandateID, k.id, true),
			plain("RevokedDateTime", &m.RevokedDateTime, k.time, true),
		}
	case *Notice:
		return append([]field{
			plain("NoticeId", &m.NoticeID, k.id, true),
			plain("Event", &m.Event, k.event, true),
			plain("EventDateTime", &m.EventDateTime, k.time, true),
			plain("MandateId", &m.MandateID, k.id, m.Event == EventRevoked),
		}, k.consent("Consent/", &m.Consent, m.Event == EventConsent)...)
	case *NoticeAck:
		return []field{plain("NoticeId", &m.NoticeID, k.id, true)}
	case *Problem:
		return []field{
			integer("Status", &m.Status, k.status, true),
			plain("RequestId", &m.RequestID, k.request, false),
			plain("Code", &m.Code, k.code, true),
			plain("Message", &m.Message, k.text, false),
			integer("RetryAfterS", &m.RetryAfterS, k.seconds, false),
		}
	}
	return nil
}

func (k *kinds) person(a *Account, h *Holder) []field {
	return []field{
		hidden("Account/Number", &a.Number, k.card, true),
		plain("Account/Type", &a.Type, k.word, true),
		hidden("Holder/Name", &h.Name, k.name, true),
		plain("Holder/DocumentType", &h.DocumentType, k.word, true),
		hidden("Holder/DocumentNumber", &h.Document, k.document, true),
		hidden("Holder/Mobile", &h.Mobile, k.mobile, true),
	}
}

func (k *kinds) consent(group string, c *ConsentState, needed bool) []field {
	return []field{
		plain(group+"RequestId", &c.RequestID, k.request, needed),
		plain(group+"ConsentId", &c.ConsentID, k.id, needed),
		plain(group+"Status", &c.Status, words(Received, InReview, NeedInfo, CallbackScheduled, Approved, Rejected, Expired), needed),
		plain(group+"Reason", &c.Reason, k.code, c.Status == Rejected),
		plain(group+"CreationDateTime", &c.CreationDateTime, k.time, needed),
		plain(group+"StatusUpdateDateTime", &c.StatusUpdateDateTime, k.time, needed),
		plain(group+"ExpirationDateTime", &c.ExpirationDateTime, k.time, false),
		plain(group+"MandateId", &c.MandateID, k.id, c.Status == Approved),
		plain(group+"Class", &c.Class, k.class, false),
	}
}

// tokenFields are those of the answer of RFC 6749 section 5.1.
func (k *kinds) tokenFields(m *Token) []field {
	return []field{
		hidden("access_token", &m.AccessToken, k.token, true),
		plain("token_type", &m.TokenType, words("Bearer", "bearer"), true),
		integer("expires_in", &m.ExpiresIn, k.life, true),
		plain("scope", &m.Scope, kind{1, 128, isPrintable, "printable ASCII", false}, false),
	}
}

// fit checks what one field says of another. Which fields are needed depends
// on others too, and fields says so anew for a message that is filled.
func fit(m wire.Message) error {
	bad := func(name, reason string) error { return &wire.FieldError{Field: "Data/" + name, Reason: reason} }
	consent := func(group string, c *ConsentState) error {
		switch {
		case c.Reason != "" && c.Status != Rejected:
			return bad(group+"Reason", "not with this status")
		case (c.MandateID != "" || c.Class != "") && c.Status != Approved:
			return bad(group+"MandateId", "not with this status")
		}
		return nil
	}
	switch m := m.(type) {
	case *VerificationResult:
		if m.Reason != "" && m.Result == Verified {
			return bad("Reason", "not with this result")
		}
	case *Consent:
		return consent("", &m.ConsentState)
	case *Notice:
		switch {
		case m.Event == EventRevoked && m.Consent != ConsentState{}:
			return bad("Consent", "not with this event")
		case m.Event == EventConsent && m.MandateID != "":
			return bad("MandateId", "not with this event")
		}
		return consent("Consent/", &m.Consent)
	}
	return nil
}
