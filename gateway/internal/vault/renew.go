package vault

import (
	"context"
	"errors"
	"time"

	"kaqiao/gateway/internal/journal"
)

// errForm: a newer program has sealed something. Which key it needs can't be known.
var errForm = errors.New("something is sealed in a form that this version does not know: no key is destroyed")

// renewAll goes through all that is sealed and returns how many bindings still need the key of an old day.
func (k *Keeper) renewAll(ctx context.Context, oldest day) (map[day]int, error) {
	pace := time.NewTicker(time.Second / time.Duration(k.cfg.Rate))
	defer pace.Stop()
	needed := map[day]int{}
	k.note(func(p *Progress) { p.Seen = 0 })
	for after := ""; ; {
		page, err := k.cfg.Store.SealedAfter(ctx, after, keeperPage)
		if err != nil {
			return nil, err
		}
		for _, s := range page {
			d, ok := epochOf(s.Data)
			switch {
			case !ok:
				return nil, errForm
			case d >= oldest:
				continue
			}
			select {
			case <-pace.C:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			if err := k.renewHere(ctx, s, oldest); err != nil {
				needed[d]++
				k.cfg.Log.Warn("a binding could not be sealed anew", "binding", s.Binding, "error", err)
			}
		}
		k.note(func(p *Progress) { p.Seen += len(page) })
		if len(page) < keeperPage {
			return needed, nil
		}
		after = page[len(page)-1].Binding
	}
}

// renewHere seals a binding anew. Where it was changed meanwhile, what lies there now counts.
func (k *Keeper) renewHere(ctx context.Context, s journal.Sealed, oldest day) error {
	next, err := k.renew(s.Binding, s.Data)
	if errors.Is(err, ErrDestroyed) {
		return nil // its key is gone already: it holds none
	}
	if err != nil {
		return err
	}
	err = k.cfg.Store.Apply(ctx, journal.Change{Sealed: &next})
	if errors.Is(err, journal.ErrConflict) {
		data, err := k.cfg.Store.Sealed(ctx, s.Binding)
		if errors.Is(err, journal.ErrNotFound) {
			return nil // shredded
		}
		if d, ok := epochOf(data); err == nil && ok && d >= oldest {
			return nil
		}
		return errors.Join(journal.ErrConflict, err)
	}
	if err == nil {
		k.note(func(p *Progress) { p.Renewed++ })
	}
	return err
}

// renewOne is for a binding that was opened. What fails is left to the next pass.
func (k *Keeper) renewOne(ctx context.Context, binding string) {
	data, err := k.cfg.Store.Sealed(ctx, binding)
	if err != nil {
		return
	}
	if d, ok := epochOf(data); ok && d < k.oldest() {
		_ = k.renewHere(ctx, journal.Sealed{Binding: binding, Data: data}, k.oldest())
	}
}
