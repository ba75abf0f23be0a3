package app

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"kaqiao/gateway/internal/ownfile"
	"kaqiao/profiles/secret"
)

// addCaller makes a further key for a caller, keeps its hash, and returns the
// key, which is kept nowhere. The keys it had are taken for the overlap. An
// empty Envelope means: as it was.
func addCaller(path string, as Caller, overlap time.Duration, hash hasher, now time.Time) (secret.Key, error) {
	if !callerID.MatchString(as.ID) {
		return secret.Key{}, errors.New("callers: an id is a to z, 0 to 9 and -, at most 32 characters")
	}
	key, kept := newCallerKey(hash, now)
	return key, changeCallers(path, func(list []Caller) ([]Caller, error) {
		as.Keys = []CallerKey{kept}
		i := slices.IndexFunc(list, func(c Caller) bool { return c.ID == as.ID })
		if i >= 0 {
			if as.Envelope == "" {
				as.Envelope = list[i].Envelope
			}
			for _, k := range list[i].Keys {
				if k.retire(now, overlap); k.taken(now) {
					as.Keys = append(as.Keys, k)
				}
			}
			list = slices.Delete(list, i, i+1)
		}
		if len(as.Keys) > maxCallerKeys {
			return nil, fmt.Errorf("%s has %d keys that are still taken: revoke one first, `gateway keys caller list` shows them", as.ID, maxCallerKeys)
		}
		if len(list) >= maxCallers {
			return nil, fmt.Errorf("there are %d already", maxCallers)
		}
		return append([]Caller{as}, list...), nil
	})
}

// retire never prolongs a key's life.
func (k *CallerKey) retire(now time.Time, overlap time.Duration) {
	if end := now.Add(overlap).UTC().Truncate(time.Second); k.NotAfter.IsZero() || end.Before(k.NotAfter) {
		k.NotAfter = end
	}
}

// AddCaller makes a caller's key and keeps its hash. A caller of the same id
// keeps its old keys for the overlap, and is an operator only if that is said
// again. as.Envelope is required, optional, or empty: as it was.
func AddCaller(data string, as Caller, overlap time.Duration, now func() time.Time) (secret.Key, error) {
	if as.Envelope != "" && as.Envelope != envelopeRequired && as.Envelope != envelopeOptional {
		return secret.Key{}, fmt.Errorf("callers: envelope must be %s or %s", envelopeRequired, envelopeOptional)
	}
	c := Config{Data: data, Now: now}
	v, err := c.openVault(false)
	if err != nil {
		return secret.Key{}, err
	}
	return addCaller(c.callersFile(), as, overlap, v.CallerHash, now())
}

// RetireCallerKey ends a key after an overlap.
func RetireCallerKey(data, id string, now time.Time, overlap time.Duration) error {
	return changeCallers((&Config{Data: data}).callersFile(), func(list []Caller) ([]Caller, error) {
		return list, withCallerKey(list, id, func(of *Caller, i int) { of.Keys[i].retire(now, overlap) })
	})
}

// RevokeCallerKey ends a key at once.
func RevokeCallerKey(data, id string) error {
	return changeCallers((&Config{Data: data}).callersFile(), func(list []Caller) ([]Caller, error) {
		return list, withCallerKey(list, id, func(of *Caller, i int) { of.Keys = slices.Delete(of.Keys, i, i+1) })
	})
}

// Callers are all callers of a data folder, the last made first.
func Callers(data string) ([]Caller, error) {
	return readCallerFile((&Config{Data: data}).callersFile())
}

func withCallerKey(list []Caller, id string, do func(of *Caller, i int)) error {
	for n := range list {
		if i := slices.IndexFunc(list[n].Keys, func(k CallerKey) bool { return k.ID == id }); i >= 0 {
			do(&list[n], i)
			return nil
		}
	}
	return errors.New("there is no such key: `gateway keys caller list` shows them")
}

// changeCallers alters the file, whole or not at all. Another process that does the same waits.
func changeCallers(path string, alter func([]Caller) ([]Caller, error)) (err error) {
	release, err := ownfile.Turn(path)
	if err != nil {
		return fmt.Errorf("callers: %w", err)
	}
	defer func() { err = errors.Join(err, release()) }()
	list, err := readCallerFile(path)
	if err != nil {
		return err
	}
	if list, err = alter(list); err != nil {
		return fmt.Errorf("callers: %w", err)
	}
	raw, err := yaml.Marshal(list)
	if err != nil {
		return fmt.Errorf("callers: %w", err)
	}
	if err := ownfile.Replace(path, raw); err != nil {
		return fmt.Errorf("callers: %w", err)
	}
	return nil
}
