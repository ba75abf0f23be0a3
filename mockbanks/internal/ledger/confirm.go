package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"kaqiao/profiles"
	"kaqiao/profiles/secret"
)

// Confirm brings a code back and signs. A confirm that succeeded gets the same
// answer again whatever code comes with it; one that was refused is looked at
// anew each time, so that each wrong code counts, and its latest answer is kept.
// A change once begun is finished even if ctx ends.
func (l *Ledger) Confirm(ctx context.Context, c Confirm) (Answer, error) {
	c.Operation = operation(c.Operation, "confirm")
	var given Answer
	err := l.writer.do(ctx, func(t *transaction) (err error) {
		given, err = t.confirm(c)
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("ledger: confirm: %w", err)
	}
	return given, nil
}

func (t *transaction) confirm(c Confirm) (Answer, error) {
	id := c.Identity
	mark := fingerprint(c.Institution, c.Of, c.Account, id.Card.Reveal(), id.Name.Reveal(), id.DocumentType, id.Document.Reveal(), id.Mobile.Reveal())
	applied := c.applied()
	answer := Answer{At: t.now()}
	before, err := t.earlier(c.Request)
	switch {
	case err != nil:
		return Answer{}, err
	case before.found && (before.answer.Refusal == "" || before.answer.Refusal == Reversed):
		return before.again(mark, answer.At), nil
	}
	r, err := t.triggerOf(applied)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		answer.Refusal = NoSuchCode
	case err != nil:
		return Answer{}, fmt.Errorf("find the code: %w", err)
	default:
		answer.Refusal = r.examine(c, answer.At)
	}
	switch answer.Refusal {
	case "":
		if answer.Agreement, err = t.sign(c, r, answer.At); err != nil {
			return Answer{}, fmt.Errorf("sign: %w", err)
		}
		answer.Class, answer.CardType = r.class, r.cardType
	case CodeWrong:
		if err := t.countWrong(applied, r.wrong+1 >= t.terms.Attempts); err != nil {
			return Answer{}, fmt.Errorf("count a wrong code: %w", err)
		}
	}
	return answer, t.remember(c.Request, mark, answer)
}

// applied is the request whose code this confirm brings.
func (c Confirm) applied() Request {
	r := c.Request
	r.Number = cmp.Or(c.Of, c.Number)
	return r
}

// trigger is the record of a code and of the request for which it was made.
type trigger struct {
	institution string
	identity    Identity
	code        secret.Code
	expires     time.Time
	wrong       int
	state       string
	cardType    string
	class       string
}

func (t *transaction) triggerOf(r Request) (found trigger, err error) {
	var card, name, document, mobile, code string
	var expires int64
	err = t.trigger.row(r.Channel, r.Number).Scan(&found.institution, &card, &name, &found.identity.DocumentType,
		&document, &mobile, &code, &expires, &found.wrong, &found.state, &found.cardType, &found.class)
	if err == nil && found.institution != r.Institution {
		err = sql.ErrNoRows // another institution's number is none
	}
	found.identity.Card, found.identity.Name = secret.NewCard(card), secret.NewName(name)
	found.identity.Document, found.identity.Mobile = secret.NewDocument(document), secret.NewMobile(mobile)
	found.code, found.expires = secret.NewCode(code), time.UnixMilli(expires)
	return found, err
}

// examine goes through the record in the order of an issuing bank's own code
// (found): used, locked, the elements, the code, and only then its age.
func (r trigger) examine(c Confirm, now time.Time) Refusal {
	switch {
	case r.state == "used", r.state == "superseded":
		return CodeUsed
	case r.state == "locked":
		return CodeLocked
	case !r.sameElements(c.Identity):
		return ElementsChanged
	case !r.code.Equal(c.Code):
		return CodeWrong // of the last one too: what comes after it finds the record locked
	case !now.Before(r.expires):
		return CodeExpired
	}
	return ""
}

// sameElements compares with what the code's request said, byte for byte.
func (r trigger) sameElements(given Identity) bool {
	was := r.identity
	return was.Card.Equal(given.Card) && was.Name.Equal(given.Name) && was.DocumentType == given.DocumentType &&
		was.Document.Equal(given.Document) && was.Mobile.Equal(given.Mobile)
}

// countWrong notes one more wrong code, and locks the record if it was the last that is borne.
func (t *transaction) countWrong(r Request, last bool) error {
	state := "fresh"
	if last {
		state = "locked"
	}
	return t.wrongCode.exec(state, r.Channel, r.Number)
}

// sign uses the code up and returns the agreement's number.
func (t *transaction) sign(c Confirm, r trigger, now time.Time) (number string, err error) {
	if err := t.useCode.exec(c.Channel, c.applied().Number); err != nil {
		return "", err
	}
	return t.agree(r.identity.Card.Reveal(), c.Institution, c.Account, now)
}

// agree returns the number of the live agreement of this card and wallet
// account, which it makes where there is none.
func (t *transaction) agree(card, institution, account string, now time.Time) (number string, err error) {
	err = t.signed.row(card, institution, account).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		prefix := agreementPrefix(t.terms.Bank, now)
		err = t.keepAgreement.row(prefix, institution, account, card, now.UnixMilli()).Scan(&number)
	}
	return number, err
}

// agreementPrefix is the bank's letters, at most 9, and the second. With the
// sequence of 8 digits behind it a number has at most 32 characters, and a
// ledger that was thrown away and made anew does not repeat the old one's.
func agreementPrefix(bank string, now time.Time) string {
	letters := strings.Map(func(r rune) rune {
		if r == '-' {
			return -1
		}
		return unicode.ToUpper(r)
	}, bank)
	return letters[:min(9, len(letters))] + now.In(profiles.Beijing).Format("20060102150405")
}
