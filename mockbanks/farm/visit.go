package farm

import (
	"cmp"
	"context"
	"errors"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/listen"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
)

// play carries the plan out. The delay comes before the commit, so that a
// query in the meantime does not see it yet. A garbled answer hides a commit.
func (v *visit) play(ctx context.Context) listen.Outcome {
	if !wait(ctx, v.hubDelay) {
		return listen.Outcome{} // the farm stops: the bank has heard nothing
	}
	handed := v.farm.now()
	switch v.hubFault {
	case "busy":
		return v.excuse(teller.HubBusy, busy)
	case "no_reply_before_commit":
		return v.silence()
	case "reset_before_commit":
		return v.reset()
	case "http_5xx":
		if v.spares(v.hubFault) {
			return v.fail()
		}
	}
	patience := v.bank.profile.Mock.SilentFor.Std()
	if !v.facts.Direct && patience > 0 && v.bankDelay > patience && v.hubFault == "" {
		return v.giveUp(ctx, patience)
	}
	if !wait(ctx, v.bankDelay) {
		return listen.Outcome{}
	}
	switch v.bankFault {
	case "busy":
		return v.excuse(teller.MemberBusy, busy)
	case "reset_before_commit":
		return v.reset()
	case "no_reply_before_commit":
		return v.memberSilent(ctx, handed, patience)
	case "http_5xx":
		if v.spares(v.bankFault) {
			return v.fail()
		}
	}
	answer, err := v.execute(ctx)
	if errors.Is(err, ledger.ErrStorage) { // nothing was done: a bank can say so of itself
		v.farm.log.Warn("a bank's books can't be kept: it says that it is busy", "bank", v.facts.Bank, "error", err)
		return v.excuse(teller.MemberBusy, busy)
	}
	if err != nil {
		v.farm.log.Warn("a bank's core is in trouble: it stays silent", "bank", v.facts.Bank, "error", err)
		return v.memberSilent(ctx, handed, patience)
	}
	if v.bankFault == "notice_before_reply" && v.facts.Operation == "apply" {
		v.hurry(ctx)
	}
	late := v.lateness()
	if v.bankFault == "no_reply_after_commit" || v.bankFault != "" && v.doubtful() || v.bankFault == "late_reply" && !v.facts.Direct && late > patience {
		return v.memberSilent(ctx, handed, patience)
	}
	return v.bringBack(ctx, answer, late)
}

// bringBack does to the answer to what was done what the plan wants.
func (v *visit) bringBack(ctx context.Context, answer teller.Answer, late time.Duration) listen.Outcome {
	switch v.fault.Kind {
	case "no_reply_after_commit":
		return v.silence()
	case "not_found_for_a_while", "contradiction":
		if v.doubtful() {
			return v.silence()
		}
	case "reset_after_commit":
		return v.reset()
	case "garbage":
		v.keep(garbage, teller.Answer{})
		answer.Frame.Body = noise(v.key)
		return listen.Outcome{Fate: listen.Raw, Frame: answer.Frame}
	case "http_5xx":
		return v.fail()
	case "late_reply":
		if !wait(ctx, late) {
			return listen.Outcome{}
		}
	}
	var err error
	if answer.Frame, err = v.spoil(answer); err != nil {
		v.farm.log.Error("an answer could not be spoilt", "channel", v.profile.ID, "error", err)
		return v.reset()
	}
	second, err := v.second(answer)
	if err != nil {
		v.farm.log.Error("an answer could not be contradicted", "channel", v.profile.ID, "error", err)
		return v.reset()
	}
	if answer.Code == "" {
		v.keep(answered, answer)
	} else {
		v.keep(refused, answer)
	}
	return listen.Outcome{Fate: v.fate(), Frame: answer.Frame, Over: late, Second: second}
}

// second is what a long line says after its answer where it contradicts itself.
func (v *visit) second(first teller.Answer) (wire.Frame, error) {
	if _, asks := v.call.(teller.Asker); asks || v.fault.Kind != "contradiction" {
		return wire.Frame{}, nil
	}
	other, _, err := v.opposite(first)
	return other.Frame, err
}

// fate is how an answer goes back.
func (v *visit) fate() listen.Fate {
	switch v.fault.Kind {
	case "half_reply":
		return listen.Half
	case "slow_drip":
		return listen.Drip
	case "duplicate_reply", "contradiction":
		return listen.Twice
	}
	return listen.Reply
}

// lateness is what the fault that strikes this call takes, if it takes time.
func (v *visit) lateness() time.Duration {
	return cmp.Or(v.fault.Delay.Std(), profiles.DefaultFaultDelay)
}

func (v *visit) execute(ctx context.Context) (teller.Answer, error) {
	// What a bank has begun it finishes, even if the farm is told to stop.
	ctx = context.WithoutCancel(ctx)
	do := v.call.Execute
	if asker, ok := v.call.(teller.Asker); ok {
		do = func(ctx context.Context) (teller.Answer, error) { return v.tell(ctx, asker) }
	} else if v.doubtful() {
		do = v.fable
	}
	answer, err := do(ctx)
	if err == nil && answer.Agreement != "" {
		v.farm.cards.Remember(answer.Agreement, v.key.Card)
	}
	return answer, err
}

// hurry has the bank's people approve at once, and say so before the answer is
// there: its text, made before, does not know of it yet.
func (v *visit) hurry(ctx context.Context) {
	books, err := v.bank.books()
	if err != nil {
		return
	}
	about := ledger.Request{Channel: v.profile.ID, Operation: v.facts.Operation, Number: v.facts.Number}
	tried := v.farm.notices.await(naming(about))
	defer v.farm.notices.tried(naming(about))
	if _, err := books.Approve(ctx, about); err != nil {
		if !errors.Is(err, ledger.ErrNotFound) { // not every apply has a case
			v.farm.log.Warn("a bank could not hurry", "bank", v.facts.Bank, "error", err)
		}
		return
	}
	timer := time.NewTimer(noticeTimeout)
	defer timer.Stop()
	select {
	case <-tried:
	case <-timer.C: // the channel has no notices, or nowhere to send them
	case <-ctx.Done():
	}
}

// giveUp answers in the place of a bank that is slower than its hub is patient.
// The bank does not know and works on: its result is there later.
func (v *visit) giveUp(ctx context.Context, patience time.Duration) listen.Outcome {
	rest := v.bankDelay - patience
	if !wait(ctx, patience) {
		return listen.Outcome{}
	}
	select {
	case v.farm.lateNow <- struct{}{}:
		v.farm.late.Go(func() {
			defer func() { <-v.farm.lateNow }()
			if !wait(ctx, rest) || v.spares(v.bankFault) {
				return
			}
			if _, err := v.execute(ctx); err != nil {
				v.farm.log.Warn("a bank's core is in trouble", "bank", v.facts.Bank, "error", err)
			}
		})
	default:
		v.farm.log.Warn("too many banks are late: this one does nothing", "bank", v.facts.Bank)
	}
	return v.excuse(teller.MemberSilent, silent)
}

// memberSilent answers in the place of a silent bank, once the hub has waited
// long enough. Where nobody stands before the bank there is no answer at all.
func (v *visit) memberSilent(ctx context.Context, handed time.Time, patience time.Duration) listen.Outcome {
	if v.facts.Direct {
		return v.silence()
	}
	if !wait(ctx, patience-v.farm.now().Sub(handed)) {
		return listen.Outcome{}
	}
	return v.excuse(teller.MemberSilent, silent)
}

func (v *visit) excuse(why teller.Excuse, outcome string) listen.Outcome {
	answer, err := v.call.Excuse(why)
	if err != nil {
		v.farm.log.Error("no answer could be made", "channel", v.profile.ID, "error", err)
		return v.reset()
	}
	v.keep(outcome, answer)
	return listen.Outcome{Fate: listen.Reply, Frame: answer.Frame}
}

func (v *visit) silence() listen.Outcome {
	v.keep(silent, teller.Answer{})
	return listen.Outcome{Fate: listen.Silence}
}

func (v *visit) reset() listen.Outcome {
	v.keep(reset, teller.Answer{})
	return listen.Outcome{Fate: listen.Reset}
}

// keep notes the exchange at the moment of its answer.
func (v *visit) keep(outcome string, answer teller.Answer) {
	v.kept.outcome, v.kept.refusal, v.kept.answer = outcome, answer.Code, answer.Message
	v.kept.took = v.farm.now().Sub(v.kept.at)
	v.bank.exchanges.add(v.kept)
	v.bank.counters.count(v.facts.Operation, outcome)
}

// wait waits and reports whether ctx still lasts.
func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
