package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
)

// The bounds of what a Keeper does, and the defaults.
const (
	DefaultKeepDays = 7
	MinKeepDays     = 2 // what was sealed before midnight is in the journal well before the day is looked at
	MaxKeepDays     = 3650
	DefaultRate     = 100
	maxRate         = 10_000
	keeperPage      = 200
)

// Sealings is the part of a journal that a Keeper needs.
type Sealings interface {
	journal.Seals
	Sealed(ctx context.Context, binding string) ([]byte, error)
	Apply(ctx context.Context, c journal.Change) error
}

// KeeperConfig is what a Keeper needs. Log may be nil.
type KeeperConfig struct {
	Vault *Vault
	Store Sealings
	// KeepDays is how many days the key of a day lives, 2 to 3,650. Default 7. What is shredded is
	// past recovery, also from copies of the journal, at the latest one day after that.
	KeepDays int
	// Rate is how many bindings are sealed anew in a second at most, 1 to 10,000. Default 100.
	Rate int
	Now  func() time.Time
	Log  *slog.Logger
}

// Progress is how far the vault is with its old keys.
type Progress struct {
	Days      int // whose keys live
	Old       int // of them, those that are past their time
	Seen      int // bindings looked at in the pass under way, or else the last
	Renewed   int // sealed anew since the start
	Left      int // that could not be in the last pass, and hold an old day's key
	Destroyed int // keys of days, since the start
}

// Keeper ends the keys of old days while a gateway runs: it seals anew what
// still lives under one, a bounded number in a second, and destroys the key
// once nothing in the journal needs it. Until the day's key is destroyed, all
// that it has sealed could be read from a copy of the journal, also what was
// shredded since. It is safe for concurrent use; a crash at any point costs
// no more than the work of a pass.
type Keeper struct {
	*Vault
	cfg  KeeperConfig
	lazy chan string

	mu sync.Mutex
	at Progress
}

// NewKeeper returns a Keeper.
func NewKeeper(cfg KeeperConfig) (*Keeper, error) {
	if cfg.KeepDays == 0 {
		cfg.KeepDays = DefaultKeepDays
	}
	if cfg.Rate == 0 {
		cfg.Rate = DefaultRate
	}
	switch {
	case cfg.Vault == nil || cfg.Store == nil || cfg.Now == nil:
		return nil, errors.New("vault: keeper: a vault, a store and a clock are needed")
	case cfg.KeepDays < MinKeepDays || cfg.KeepDays > MaxKeepDays:
		return nil, fmt.Errorf("vault: keeper: the keys of days live %d to %d days", MinKeepDays, MaxKeepDays)
	case cfg.Rate < 1 || cfg.Rate > maxRate:
		return nil, fmt.Errorf("vault: keeper: 1 to %d bindings a second are sealed anew", maxRate)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Keeper{Vault: cfg.Vault, cfg: cfg, lazy: make(chan string, 64)}, nil
}

// Open is the vault's, and has what lies under an old day's key sealed anew soon.
func (k *Keeper) Open(binding string, data []byte) (op.Person, string, error) {
	p, account, err := k.Vault.Open(binding, data)
	if d, ok := epochOf(data); err == nil && ok && d < k.oldest() {
		select {
		case k.lazy <- binding:
		default: // the next pass does it
		}
	}
	return p, account, err
}

// oldest is the first day whose key is not past its time.
func (k *Keeper) oldest() day { return dayOf(k.cfg.Now()) - day(k.cfg.KeepDays) }

// Progress is how far it is.
func (k *Keeper) Progress() Progress {
	k.mu.Lock()
	p := k.at
	k.mu.Unlock()
	p.Days, p.Old = 0, 0
	for _, d := range k.epochs.live() {
		p.Days++
		if d < k.oldest() {
			p.Old++
		}
	}
	return p
}

func (k *Keeper) note(what func(*Progress)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	what(&k.at)
}

// Run keeps the keys until ctx ends: each minute those of days are encrypted
// under the active key-encryption key, each hour the old days are looked at.
func (k *Keeper) Run(ctx context.Context) {
	minute, hour := time.NewTicker(time.Minute), time.NewTicker(time.Hour)
	defer minute.Stop()
	defer hour.Stop()
	k.rewrap()
	k.try(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case binding := <-k.lazy:
			k.renewOne(ctx, binding)
		case <-minute.C:
			k.rewrap()
		case <-hour.C:
			k.try(ctx)
		}
	}
}

func (k *Keeper) rewrap() {
	n, err := k.epochs.rewrap()
	switch {
	case err != nil:
		k.cfg.Log.Error("the keys of days could not be encrypted anew", "error", err)
	case n > 0:
		k.cfg.Log.Info("keys of days are encrypted under the active key", "days", n)
	}
}

func (k *Keeper) try(ctx context.Context) {
	if err := k.Pass(ctx); err != nil && ctx.Err() == nil {
		k.cfg.Log.Error("old keys of the vault are not ended yet", "error", err)
	}
}

// Pass goes once through all that is sealed: what lies under an old day's key
// is sealed anew, then the keys that nothing needs are destroyed and the
// journal's log is cut. It looks at nothing where no day is old.
func (k *Keeper) Pass(ctx context.Context) error {
	oldest := k.oldest()
	var old []day
	for _, d := range k.epochs.live() {
		if d < oldest {
			old = append(old, d)
		}
	}
	if len(old) > 0 {
		needed, err := k.renewAll(ctx, oldest)
		if err != nil {
			return fmt.Errorf("vault: keeper: %w", err)
		}
		if err := k.end(old, needed); err != nil {
			return fmt.Errorf("vault: keeper: %w", err)
		}
	}
	if err := k.cfg.Store.Truncate(ctx); err != nil {
		return fmt.Errorf("vault: keeper: %w", err)
	}
	return nil
}

// end destroys the keys of days that nothing needs.
func (k *Keeper) end(old []day, needed map[day]int) error {
	var gone []day
	left := 0
	for _, d := range old {
		if needed[d] == 0 {
			gone = append(gone, d)
		}
		left += needed[d]
	}
	k.note(func(p *Progress) { p.Left = left })
	if left > 0 {
		k.cfg.Log.Warn("bindings still hold keys of old days", "bindings", left, "days", len(old)-len(gone))
	}
	if len(gone) == 0 {
		return nil
	}
	if err := k.epochs.destroy(gone...); err != nil {
		return err
	}
	k.note(func(p *Progress) { p.Destroyed += len(gone) })
	k.cfg.Log.Info("keys of old days were destroyed", "days", len(gone), "up_to", gone[len(gone)-1].String())
	return nil
}
