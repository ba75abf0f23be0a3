package vault

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/emmansun/gmsm/sm4"

	"kaqiao/gateway/internal/ownfile"
)

// AddKEK makes a key-encryption key, under which the keys of days are
// encrypted from now on. The one before retires: it still opens. A running
// gateway has encrypted all of them anew within a minute.
func AddKEK(cfg Config, now time.Time) (KEK, error) {
	chance := make([]byte, 4)
	random(chance)
	key := make([]byte, sm4.BlockSize)
	defer clear(key)
	random(key)
	now = now.UTC().Truncate(time.Second)
	fresh := &kekRow{ID: "kek-" + now.Format("20060102") + "-" + hex.EncodeToString(chance), State: KEKActive, Since: now, Key: hex.EncodeToString(key)}
	err := cfg.alone(func(rows []*kekRow, _ map[day]wrapped) error {
		for _, r := range rows {
			if r.State == KEKActive {
				r.State = KEKRetiring
			}
		}
		rows = append([]*kekRow{fresh}, rows...)
		for i := len(rows) - 1; i > 0 && len(rows) > keptKEKs; i-- {
			if rows[i].State == KEKDestroyed {
				rows = slices.Delete(rows, i, i+1)
			}
		}
		if len(rows) > maxKEKs {
			return fmt.Errorf("%d keys are kept: destroy some of them first", maxKEKs)
		}
		return writeKEKRows(cfg.kekFile(), rows)
	})
	return KEK{ID: fresh.ID, State: fresh.State, Since: fresh.Since}, err
}

// RewrapKEKs encrypts the keys of days under the active key-encryption key,
// and returns of how many days that was: what a running gateway does by itself.
func RewrapKEKs(cfg Config) (n int, err error) {
	set, err := cfg.loadKEKs()
	if err == nil {
		n, err = (&epochs{path: cfg.epochFile(), keys: cfg.loadKEKs, set: set}).rewrap()
	}
	if err != nil {
		return 0, fmt.Errorf("vault: keys of keys: %w", err)
	}
	return n, nil
}

// DestroyKEK destroys a key that retires and that no key of a day is
// encrypted under. It may be repeated, and finishes what was interrupted.
func DestroyKEK(cfg Config, id string) error {
	return cfg.alone(func(rows []*kekRow, days map[day]wrapped) error {
		i := slices.IndexFunc(rows, func(r *kekRow) bool { return r.ID == id })
		if i < 0 {
			return errors.New("there is no such key: `gateway keys vault list` shows them")
		}
		if rows[i].State == KEKActive {
			return fmt.Errorf("key %s is the active one: add another first, which retires it", id)
		}
		if n := wraps(days, id); n > 0 {
			return fmt.Errorf("the keys of %d days are still encrypted under key %s: a running gateway encrypts them anew within a minute, `gateway keys vault rewrap` at once", n, id)
		}
		rows[i].State, rows[i].Key = KEKDestroyed, ""
		if err := writeKEKRows(cfg.kekFile(), rows); err != nil || id != firstKEK {
			return err
		}
		return dropFirst(cfg.KeyFile)
	})
}

// KEKs are all key-encryption keys, destroyed ones too, newest first.
func KEKs(cfg Config) ([]KEK, error) {
	var out []KEK
	err := cfg.alone(func(rows []*kekRow, days map[day]wrapped) error {
		for _, r := range rows {
			out = append(out, KEK{ID: r.ID, State: r.State, Since: r.Since, Wraps: wraps(days, r.ID)})
		}
		return nil
	})
	return out, err
}

func wraps(days map[day]wrapped, id string) (n int) {
	for _, w := range days {
		if w.kek == id {
			n++
		}
	}
	return n
}

// alone reads both files while no other process changes them: keys of days
// and keys of keys have one lock, so that nothing is encrypted under a key in
// the moment of its end.
func (c Config) alone(do func([]*kekRow, map[day]wrapped) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("vault: keys of keys: %w", err)
		}
	}()
	root, err := readKeyFile(c.KeyFile) // it must be there, and whole
	if err != nil {
		return err
	}
	root.clear()
	release, err := ownfile.Turn(c.epochFile())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	rows, err := readKEKRows(c.kekFile())
	if err != nil {
		return err
	}
	days, err := readEpochs(c.epochFile())
	if err != nil {
		return err
	}
	return do(rows, days)
}
