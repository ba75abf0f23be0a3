package farm

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"kaqiao/mockbanks/internal/behave"
	"kaqiao/mockbanks/internal/ledger"
)

// clerkTick is how long a clerk looks away at the most while cases are open:
// the farm's clock can be moved, and a timer does not notice that.
const clerkTick = time.Second

// clerk lets cases be decided and expire when their time has come. The ledger
// would do so when asked; the clerk does it without being asked, so that notices go out.
type clerk struct {
	farm *Farm
	wake chan struct{} // holds one
}

func newClerk(f *Farm) *clerk { return &clerk{farm: f, wake: make(chan struct{}, 1)} }

func (k *clerk) run(ctx context.Context) error {
	k.remember(ctx)
	for {
		next := k.work(ctx)
		if next.IsZero() {
			select {
			case <-ctx.Done():
				return nil
			case <-k.wake:
			}
			continue
		}
		timer := time.NewTimer(min(max(next.Sub(k.farm.clock.now()), time.Millisecond), clerkTick))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-k.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// remember finds again what was open, and what nobody was told, when the farm
// was last stopped. A bank that has no file has no cases.
func (k *clerk) remember(ctx context.Context) {
	for _, b := range k.farm.order {
		if ctx.Err() != nil || !slices.ContainsFunc(b.profile.Challenge.Kinds, func(kind string) bool { return kind != "sms" }) {
			continue
		}
		if _, err := os.Stat(k.farm.bookPath(b.profile.ID)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		b.sooner(k.farm.clock.now())
		books, err := b.books()
		if err != nil {
			k.farm.log.Warn("a bank's open cases could not be found", "bank", b.profile.ID, "error", err)
			continue
		}
		left, err := books.Untold(ctx, maxNotices)
		if err != nil {
			k.farm.log.Warn("a bank's notices could not be found", "bank", b.profile.ID, "error", err)
		}
		for _, c := range left {
			k.farm.notices.decided(b, c)
		}
	}
}

// work settles every bank whose time has come, and returns when the next one's does; zero: no case is open.
func (k *clerk) work(ctx context.Context) (next time.Time) {
	for _, b := range k.farm.order {
		at := b.turns.Load()
		if at == 0 {
			continue
		}
		if at <= k.farm.clock.now().UnixMilli() && ctx.Err() == nil {
			b.settle(ctx)
			at = b.turns.Load()
		}
		if turn := time.UnixMilli(at); at != 0 && (next.IsZero() || turn.Before(next)) {
			next = turn
		}
	}
	return next
}

func (b *bank) settle(ctx context.Context) {
	b.turns.Store(0) // a case that is opened from here on is noted by itself
	books, err := b.books()
	var next time.Time
	if err == nil {
		next, err = books.Settle(ctx)
	}
	if err != nil {
		b.farm.log.Warn("a bank's cases could not be settled", "bank", b.profile.ID, "error", err)
		next = b.farm.clock.now().Add(clerkTick)
	}
	if !next.IsZero() {
		b.sooner(next)
	}
}

// sooner notes that a case turns at a time.
func (b *bank) sooner(at time.Time) {
	for {
		old := b.turns.Load()
		if old != 0 && old <= at.UnixMilli() || b.turns.CompareAndSwap(old, at.UnixMilli()) {
			return
		}
	}
}

// turned hears from the books, on their writer's goroutine.
func (b *bank) turned(c ledger.Case) {
	if !c.State.Open() {
		b.farm.notices.decided(b, c)
		return
	}
	b.sooner(c.Turns)
	b.farm.clerk.stir()
}

// stir has the clerk look now.
func (k *clerk) stir() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// review is what the bank's people will make of a case.
func (b *bank) review(card string, ordinal uint64) (ledger.Verdict, bool) {
	key := behave.Key{Card: behave.Fold(card), Ordinal: uint32(ordinal)} //nolint:gosec // it may wrap
	after, reason, ok := b.behaviour.Review(b.profile.Mock.Review, key)
	return ledger.Verdict{After: after, Reject: reason}, ok
}
