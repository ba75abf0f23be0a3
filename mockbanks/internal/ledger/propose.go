package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Propose checks an identity as Apply does, and opens a case instead of sending
// a code. The answer's Case says that the bank is at work; once it is decided,
// Recall and a repetition give what came of it. The same number gets the same
// case again; with other elements it gets ElementsChanged. A change once begun
// is finished even if ctx ends.
func (l *Ledger) Propose(ctx context.Context, p Proposal) (Answer, error) {
	p.Operation = operation(p.Operation, "apply")
	var given Answer
	err := l.writer.do(ctx, func(t *transaction) (err error) {
		given, err = t.propose(p)
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("ledger: propose: %w", err)
	}
	return given, nil
}

func (t *transaction) propose(p Proposal) (Answer, error) {
	id := p.Identity
	mark := fingerprint(p.Institution, p.Account, strings.Join(p.Kinds, ","), id.Card.Reveal(), id.Name.Reveal(), id.DocumentType,
		id.Document.Reveal(), id.Mobile.Reveal(), id.CVV.Reveal(), id.Expiry.Reveal())
	answer := Answer{At: t.now()}
	before, err := t.earlier(p.Request)
	if err != nil || before.found {
		return before.again(mark, answer.At), err
	}
	h, err := t.holdingOf(t.holdingForCase, id.Card, p.Institution, answer.At)
	kinds := reachable(t.ways(p), h.customer)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		answer.Refusal = NoSuchCard
	case err != nil:
		return Answer{}, fmt.Errorf("find the card: %w", err)
	case !t.offers(p):
		answer.Refusal = NotOffered
	default:
		answer.Refusal = h.examine(id, t.terms, answer.At)
	}
	if answer.Refusal == "" && len(kinds) == 0 {
		answer.Refusal = NoMobile
	}
	if answer.Refusal != "" {
		return answer, t.remember(p.Request, mark, answer)
	}
	answer.Class, answer.CardType = h.card.Class, h.card.Type
	opened, err := t.openCase(p, h, kinds, answer.At)
	if err != nil {
		return Answer{}, fmt.Errorf("open a case: %w", err)
	}
	answer.Case = opened
	return answer, t.remember(p.Request, mark, answer)
}

// offers reports whether the bank asks people in these ways.
func (t *transaction) offers(p Proposal) bool {
	return len(t.ways(p)) > 0 && !slices.ContainsFunc(p.Kinds, func(k string) bool {
		return k == "sms" || !slices.Contains(t.terms.Kinds, k)
	})
}

// ways are the ways in which people are asked.
func (t *transaction) ways(p Proposal) []string {
	if !p.Whole {
		return p.Kinds
	}
	return slices.DeleteFunc(slices.Clone(t.terms.Kinds), func(k string) bool { return k == "sms" })
}

// reachable are the ways in which the bank can reach this customer at all.
func reachable(kinds []string, c Customer) (out []string) {
	for _, k := range kinds {
		if k != "email" || c.Email != "" {
			out = append(out, k)
		}
	}
	return out
}

// openCase ends what waits for this card at this institution, opens the case and sends the messages.
func (t *transaction) openCase(p Proposal, h holding, kinds []string, now time.Time) (Case, error) {
	card := h.card.Number
	if err := t.supersedeAll(card, p.Institution, now); err != nil {
		return Case{}, err
	}
	expires := now.Add(t.terms.ApproveWithin)
	turns, reviewed, verdict := expires, false, Verdict{}
	if t.review != nil {
		verdict, reviewed = t.review(card, h.codes+1)
	}
	if due := now.Add(verdict.After); reviewed && due.Before(expires) {
		turns = due
	} else {
		reviewed = false // they would be too late
	}
	id, err := t.keepCase.insert(p.Channel, p.Number, p.Institution, p.Account, card, h.customer.Mobile, strings.Join(kinds, ","),
		reviewed, verdict.Reject, now.UnixMilli(), expires.UnixMilli(), turns.UnixMilli())
	if err != nil {
		return Case{}, err
	}
	if err := t.countSign.exec(h.signs+1, bankDay(now), card); err != nil {
		return Case{}, err
	}
	for _, kind := range kinds {
		if err := t.send(t.request(kind, h, now, id)); err != nil {
			return Case{}, err
		}
	}
	c := Case{
		ID: caseID(id), Request: p.Request, State: Received, Kinds: kinds, Class: h.card.Class, CardType: h.card.Type,
		Opened: milli(now), Expires: milli(expires), Turns: milli(turns),
	}
	t.turned = append(t.turned, c)
	return c, nil
}

// request is the message by which a person is asked. The call-back goes to the
// number on file, never to one that a request has named.
func (t *transaction) request(kind string, h holding, now time.Time, id int64) Message {
	m := Message{Kind: kind, To: h.customer.Mobile, At: now, caseID: id}
	within := t.terms.ApproveWithin
	switch kind {
	case "email":
		m.To = h.customer.Email
		m.Text = fmt.Sprintf("【%s】A payment institution asks to bind your card ending %s. Approve or refuse within %s. "+
			"有支付机构申请绑定您尾号%s的银行卡，请在%s内确认或拒绝。",
			t.terms.Name, tail(h.card.Number), english(within), tail(h.card.Number), minutes(within))
	case "phone":
		m.Text = fmt.Sprintf("【%s】Call-back due: ask %s whether the card ending %s is to be bound, before %s. 待回访电话：请向客户核实绑卡意愿。",
			t.terms.Name, h.customer.Name, tail(h.card.Number), now.Add(within).Format(time.RFC3339))
	default:
		m.Text = fmt.Sprintf("【%s】您正在为尾号%s的银行卡办理快捷支付签约，请在%s内打开手机银行确认。非本人操作请拒绝。",
			t.terms.Name, tail(h.card.Number), minutes(within))
	}
	return m
}

// supersedeAll ends the code and the case that wait for this card at this institution.
func (t *transaction) supersedeAll(card, institution string, now time.Time) error {
	if err := t.supersede.exec(card, institution); err != nil {
		return err
	}
	return t.supersedeCase.exec(now.UnixMilli(), card, institution)
}

// milli is a time as the file keeps it.
func milli(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()) }
