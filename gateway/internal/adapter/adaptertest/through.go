package adaptertest

import (
	"errors"
	"time"

	"kaqiao/gateway/internal/op"
)

// strike wants the fault to have struck, and the bank to be through with it.
func (x *session) strike(c cell, o op.Operation, r op.Result, declared bool) error {
	if r.Outcome != op.NotSent {
		if err := x.through(o); err != nil {
			return err
		}
	}
	if c.fate.kind == "" {
		return nil
	}
	return x.hasStruck(c, declared)
}

// hasStruck takes the fault away, and wants it to have struck, or not where that is declared.
func (x *session) hasStruck(c cell, declared bool) error {
	n, err := x.left(x.ctx, c.where(), x.id)
	if err := errors.Join(err, x.calm(x.ctx, c.where(), x.id)); err != nil {
		return err
	}
	switch struck := n == 0; {
	case declared && struck:
		return found(seesGaps, "it is declared that there is no such cell, and the fault has struck")
	case declared:
		return errGap
	case !struck:
		return found(seesGaps, "the fault has not struck, and no reason is declared")
	}
	return nil
}

// through waits until the bank has done with an operation what it does.
func (x *session) through(o op.Operation) error {
	err := until(x.ctx, x.limit, func() (bool, error) {
		seen, err := x.seen()
		return count(seen, o) >= count(x.sent, o), err
	})
	if errors.Is(err, errVain) {
		return found(seesRequests, "the %s was sent, and has not reached the bank", o.Kind)
	}
	return err
}

// neverSeen wants the bank not to have seen what is said not to have left.
func (x *session) neverSeen(o op.Operation) error {
	err := until(x.ctx, brief, func() (bool, error) {
		seen, err := x.seen()
		return count(seen, o) > count(x.sent, o), err
	})
	if err == nil {
		return found(seesOutcome, "the %s is said not to have left, and the bank has it", o.Kind)
	}
	if errors.Is(err, errVain) {
		return nil
	}
	return err
}

func count(list []exchange, o op.Operation) int { return countOf(list, asSeen(o)) }

func countOf(list []exchange, what exchange) (n int) {
	for _, e := range list {
		if e == what {
			n++
		}
	}
	return n
}

// seen is what the bank was asked during this turn.
func (x *session) seen() ([]exchange, error) {
	list, _, err := x.exchanges(x.ctx, x.id, x.before)
	for i := range list {
		list[i] = exchange{Operation: list[i].Operation, Number: list[i].Number}
	}
	return list, err
}

// nothingElse wants the bank to have been asked what was sent and nothing else, and no number twice. What is unknown may
// have been lost on its way.
func (x *session) nothingElse() error {
	var seen []exchange
	err := until(x.ctx, min(x.limit, 3*time.Second), func() (_ bool, err error) {
		seen, err = x.seen()
		return len(seen) >= len(x.sent)-x.lost(seen), err
	})
	if err != nil && !errors.Is(err, errVain) {
		return err
	}
	times := map[exchange]int{}
	for _, e := range seen {
		times[e]++
	}
	var wrong []error
	for e, n := range times {
		if shared := e.Operation == "query" || e.Operation == "confirm" && !x.banks.Load().Renumbers(x.id, op.Confirm); n > 1 && !shared {
			wrong = append(wrong, found(seesNumbers, "the bank has seen one number of %s %d times", e.Operation, n))
		}
	}
	for _, e := range x.sent {
		times[e]--
	}
	for e, n := range times {
		if n > 0 || n < -x.unsure[e] {
			wrong = append(wrong, found(seesRequests, "the bank has seen a %s %+d times, beside what was sent", e.Operation, n))
		}
	}
	codes, _, err := x.refusals(x.ctx, x.id, x.front)
	if err == nil && len(codes) > 0 {
		err = found(seesRequests, "messages were refused before the bank looked at them: %v", codes)
	}
	return errors.Join(append(wrong, err)...)
}

// lost is how many of what was sent may not have arrived.
func (x *session) lost(seen []exchange) (n int) {
	for e, unsure := range x.unsure {
		n += max(0, min(unsure, countOf(x.sent, e)-countOf(seen, e)))
	}
	return n
}

// onDisk wants every attempt of this turn in the journal, with what became of it.
func (x *session) onDisk() error {
	kept, err := x.store.Attempts(x.ctx, x.binding)
	if err != nil {
		return err
	}
	if len(kept) != len(x.wrote) {
		return found(seesJournal, "%d attempts were made, and %d are in the journal", len(x.wrote), len(kept))
	}
	for _, a := range kept {
		if was, ok := x.wrote[a.ID]; !ok || !a.Settled || a.Outcome != was {
			return found(seesJournal, "a %s was %s, and the journal says %s (settled %v)", a.Kind, was, a.Outcome, a.Settled)
		}
	}
	return nil
}
