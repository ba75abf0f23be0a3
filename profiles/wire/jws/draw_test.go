package jws_test

import (
	"strings"

	"pgregory.net/rapid"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
	"kaqiao/profiles/wire/seal"
)

// drawSigned draws any signed message that one side may send, with its limits among the values.
func drawSigned(from seal.Side) func(*rapid.T) wire.Message {
	if from == seal.Gateway {
		return drawRequest
	}
	return drawAnswer
}

func drawRequest(t *rapid.T) wire.Message {
	switch rapid.IntRange(0, 3).Draw(t, "type") {
	case 0:
		m := &jws.Verification{Head: drawHead(t, true), RequestID: number.Draw(t, "number")}
		m.Account, m.Holder = drawPerson(t)
		return m
	case 1:
		m := &jws.ConsentRequest{
			Head: drawHead(t, true), RequestID: number.Draw(t, "number"),
			WalletAccount: secret.NewKey(maybe(t, text(64))), Challenge: rapid.SampledFrom([]string{"", "email", "phone"}).Draw(t, "challenge"),
		}
		m.Account, m.Holder = drawPerson(t)
		return m
	case 2:
		return &jws.Revocation{
			Head: drawHead(t, true), RequestID: number.Draw(t, "number"), MandateID: id.Draw(t, "mandate"),
			WalletAccount: secret.NewKey(maybe(t, text(64))), AccountTail: maybe(t, rapid.StringMatching(`[0-9]{4}`)),
		}
	}
	return &jws.NoticeAck{Head: drawHead(t, false), NoticeID: id.Draw(t, "notice")}
}

func drawAnswer(t *rapid.T) wire.Message {
	created := rapid.Bool().Draw(t, "created")
	switch rapid.IntRange(0, 4).Draw(t, "type") {
	case 0:
		m := &jws.VerificationResult{Head: drawHead(t, false), RequestID: number.Draw(t, "number"), Result: jws.Verified, Class: drawClass(t)}
		if created {
			m.Result, m.Reason = jws.NotVerified, code.Draw(t, "reason")
		}
		return m
	case 1:
		return &jws.Consent{Head: drawHead(t, false), ConsentState: drawConsent(t), Created: created}
	case 2:
		return &jws.RevocationResult{
			Head: drawHead(t, false), RequestID: number.Draw(t, "number"), MandateID: id.Draw(t, "mandate"),
			RevokedDateTime: moment.Draw(t, "time"), Created: created,
		}
	case 3:
		return &jws.Problem{
			Head: drawHead(t, false), Status: rapid.Int64Range(400, 599).Draw(t, "status"), RequestID: maybe(t, number),
			Code: code.Draw(t, "code"), Message: maybe(t, text(512)), RetryAfterS: rapid.Int64Range(0, 86_400).Draw(t, "retry"),
		}
	}
	m := &jws.Notice{
		Head: drawHead(t, true), NoticeID: id.Draw(t, "notice"), Event: jws.EventRevoked, EventDateTime: moment.Draw(t, "time"),
	}
	if created {
		m.Event, m.Consent = jws.EventConsent, drawConsent(t)
	} else {
		m.MandateID = id.Draw(t, "mandate")
	}
	return m
}

// drawUnsigned draws a message that has no signature.
func drawUnsigned(t *rapid.T) wire.Message {
	switch rapid.IntRange(0, 5).Draw(t, "type") {
	case 0:
		return &jws.ConsentQuery{Head: drawBare(t, true), RequestID: number.Draw(t, "number")}
	case 1:
		return &jws.RevocationQuery{Head: drawBare(t, true), RequestID: number.Draw(t, "number")}
	case 2:
		return &jws.TokenRequest{Head: drawBare(t, true), ClientID: printable(64).Draw(t, "client"), Scope: maybe(t, printable(128))}
	case 3:
		return &jws.Token{
			Head: drawBare(t, false), AccessToken: secret.NewKey(rapid.OneOf(rapid.StringMatching(`[!-~]{1,64}`), rapid.Just(strings.Repeat("t", 4096))).Draw(t, "token")),
			TokenType: "Bearer", ExpiresIn: rapid.Int64Range(1, 31_536_000).Draw(t, "life"), Scope: maybe(t, printable(128)),
		}
	case 4:
		return &jws.TokenRefusal{Head: drawBare(t, false), Status: rapid.SampledFrom([]int64{400, 401}).Draw(t, "status"), Error: "invalid_client"}
	}
	return &jws.Bare{
		Head: drawBare(t, false), Status: rapid.SampledFrom([]int64{401, 429, 500, 502, 503, 599}).Draw(t, "status"),
		RetryAfterS: rapid.Int64Range(0, 86_400).Draw(t, "retry"),
	}
}

func drawHead(t *rapid.T, request bool) jws.Head {
	h := drawBare(t, request)
	h.IssuedAt = rapid.Int64Range(1, 253_402_300_799).Draw(t, "iat")
	h.Bank = rapid.StringMatching(`[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?`).Draw(t, "bank")
	return h
}

func drawBare(t *rapid.T, request bool) jws.Head {
	h := jws.Head{Interaction: maybe(t, uuid)}
	if request {
		h.Interaction = uuid.Draw(t, "interaction")
		h.AuthDate = maybe(t, rapid.StringMatching(`20[0-9]{2}-0[1-9]-[12][0-8]T[01][0-9]:[0-5][0-9]:[0-5][0-9]Z`))
	}
	return h
}

func drawPerson(t *rapid.T) (jws.Account, jws.Holder) {
	return jws.Account{Number: secret.NewCard(rapid.StringMatching(`[0-9]{13,19}`).Draw(t, "card")), Type: word.Draw(t, "type")},
		jws.Holder{
			Name: secret.NewName(text(140).Draw(t, "name")), DocumentType: word.Draw(t, "document type"),
			Document: secret.NewDocument(text(32).Draw(t, "document")), Mobile: secret.NewMobile(rapid.StringMatching(`\+[0-9]{8,15}`).Draw(t, "mobile")),
		}
}

func drawConsent(t *rapid.T) jws.ConsentState {
	c := jws.ConsentState{
		RequestID: number.Draw(t, "number"), ConsentID: id.Draw(t, "case"),
		Status: rapid.SampledFrom([]string{
			jws.Received, jws.InReview, jws.NeedInfo, jws.CallbackScheduled, jws.Approved, jws.Rejected, jws.Expired,
		}).Draw(t, "status"),
		CreationDateTime: moment.Draw(t, "created at"), StatusUpdateDateTime: moment.Draw(t, "updated"), ExpirationDateTime: maybe(t, moment),
	}
	switch c.Status {
	case jws.Approved:
		c.MandateID, c.Class = id.Draw(t, "mandate"), drawClass(t)
	case jws.Rejected:
		c.Reason = code.Draw(t, "reason")
	}
	return c
}

func drawClass(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "I", "II", "III"}).Draw(t, "class")
}

var (
	number = rapid.StringMatching(`[A-Za-z0-9-]{1,40}`)
	id     = rapid.StringMatching(`[A-Za-z0-9-]{1,64}`)
	code   = rapid.StringMatching(`[A-Za-z0-9._]{1,32}`)
	word   = rapid.StringMatching(`[a-z_]{1,32}`)
	uuid   = rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
	moment = rapid.SampledFrom([]string{"2025-11-25T18:00:00+08:00", "2025-11-25T10:00:00Z", "0001-01-01T00:00:00.123456789-23:59"})
)

func printable(longest int) *rapid.Generator[string] {
	return rapid.StringMatching(`[ -~]{1,64}`).Filter(func(s string) bool { return len(s) <= longest })
}

// text draws text of at most so many bytes, quotes, backslashes and the longest ones among it.
func text(longest int) *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"张三", `O'Brien "Bob" \ <&>`, "José 王小明", "\U00020089", "a"}),
		rapid.Custom(func(t *rapid.T) string {
			c := rapid.SampledFrom([]string{"x", `"`, `\`, "é", "王", "\U00020089"}).Draw(t, "character")
			return strings.Repeat(c, longest/len(c))
		}),
	).Filter(func(s string) bool { return len(s) <= longest })
}

func maybe(t *rapid.T, g *rapid.Generator[string]) string {
	if rapid.Bool().Draw(t, "there") {
		return g.Draw(t, "value")
	}
	return ""
}
