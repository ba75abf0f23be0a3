package jws

import (
	"testing"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/profiles"
	"kaqiao/profiles/wire/jws"
)

// What the books may say of a person or an account has a word of its own; only
// what can't come here (codes, CVV, reversals) is refused without a reason.
func TestRefusalsHaveCodes(t *testing.T) {
	for r, want := range map[ledger.Refusal]denial{
		ledger.NoSuchCard:      {422, jws.CodeCardInvalid, 0},
		ledger.NameMismatch:    {422, jws.CodeNameMismatch, 0},
		ledger.SignsExceeded:   {422, jws.CodeCountExceeded, 0},
		ledger.TooSoon:         {429, jws.CodeRateLimited, 60},
		ledger.ElementsChanged: {409, jws.CodeIdempotency, 0},
		ledger.NotOffered:      {400, jws.CodeFieldInvalid, 0},
		ledger.NoAgreement:     {422, jws.CodeMandateNotFound, 0},
		ledger.AlreadyUnsigned: {422, jws.CodeMandateRevoked, 0},
		ledger.CodeWrong:       {422, jws.CodeRefused, 0},
	} {
		if got := denialOf(r); got != want {
			t.Errorf("%s: %+v, want %+v", r, got, want)
		}
	}
	for _, reason := range profiles.RejectReasons() {
		if reasonOf(reason) == jws.CodeRefused {
			t.Errorf("the reason %s has no code", reason)
		}
	}
	if reasonOf("tired") != jws.CodeRefused {
		t.Error("an unknown reason")
	}
}

func TestTokensAndRepeatsAreBounded(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, profiles.Beijing)
	few := newTokens(time.Minute, 2)
	first := few.issue("c", now)
	second, third := few.issue("c", now), few.issue("c", now)
	if few.good(first, "c", now) || !few.good(second, "c", now) || !few.good(third, "c", now) {
		t.Error("beyond the limit the oldest token ends")
	}
	if few.good(third, "d", now) || few.good(third, "c", now.Add(time.Minute)) || few.good("", "c", now) {
		t.Error("a token is good for somebody else, or for ever")
	}
	r := newRepeats(2)
	once, again := r.same("a", []byte("1"), now), r.same("a", []byte("1"), now)
	if !once || !again || r.same("a", []byte("2"), now) {
		t.Error("a number says one thing")
	}
	if !r.same("b", []byte("1"), now) || !r.same("c", []byte("1"), now) || !r.same("a", []byte("2"), now) {
		t.Error("beyond the limit the oldest number is forgotten")
	}
	if !r.same("c", []byte("2"), now.Add(repeatLife)) {
		t.Error("a number is kept beyond its day")
	}
}
