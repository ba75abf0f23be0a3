package notify

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"time"

	"kaqiao/profiles/secret"
)

var errNoEndpoint = errors.New("this caller has no webhook: `gateway keys webhook add` makes one")

// Add gives a caller an endpoint, or another address to the one it has, and
// opens it again if it was gone. The secret is that of a new endpoint, and
// empty where there was one: its secrets stay. dev allows what a gateway under
// --dev allows.
func Add(file string, in Endpoint, dev bool, now time.Time) (made secret.Key, err error) {
	g := guard{dev: dev, allow: in.Allow, resolver: net.DefaultResolver}
	if err := g.checkURL(in.URL); err != nil {
		return made, fmt.Errorf("notify: %w", err)
	}
	if len(in.Allow) > maxAllowed {
		return made, fmt.Errorf("notify: at most %d networks may be allowed", maxAllowed)
	}
	fresh := row{Caller: in.Caller, ID: newID("whk-", now), URL: in.URL, At: stamp(now)}
	for _, p := range in.Allow {
		fresh.Allow = append(fresh.Allow, p.Masked().String())
	}
	err = change(file, func(rows []row) ([]row, error) {
		for i := range rows {
			if rows[i].Caller == in.Caller {
				fresh.Secrets = rows[i].Secrets
				rows[i] = fresh
				return rows, nil
			}
		}
		if len(rows) >= maxEndpoints {
			return nil, fmt.Errorf("there are %d already", maxEndpoints)
		}
		made = newSecret()
		fresh.Secrets = []secretRow{{ID: newID("sec-", now), Secret: made.Reveal(), Since: stamp(now)}} // the file is where it is kept
		return append(rows, fresh), nil
	})
	if err != nil {
		return secret.Key{}, err
	}
	return made, nil
}

// Rotate makes another secret. Those before it go on signing beside it for the overlap.
func Rotate(file, caller string, overlap time.Duration, now time.Time) (secret.Key, error) {
	made := newSecret()
	err := change(file, func(rows []row) ([]row, error) {
		return rows, with(rows, caller, func(r *row) error {
			end := stamp(now.Add(overlap))
			live := []secretRow{{ID: newID("sec-", now), Secret: made.Reveal(), Since: stamp(now)}} // as above
			for _, s := range r.Secrets {
				if s.Until.IsZero() || end.Before(s.Until) {
					s.Until = end
				}
				if now.Before(s.Until) {
					live = append(live, s)
				}
			}
			if len(live) > maxSecrets {
				return fmt.Errorf("%d secrets still sign: revoke some of them first", maxSecrets)
			}
			r.Secrets = live
			return nil
		})
	})
	if err != nil {
		return secret.Key{}, err
	}
	return made, nil
}

// Revoke destroys one of a caller's secrets, or, where none is named, its endpoint with all of them.
func Revoke(file, caller, id string) error {
	return change(file, func(rows []row) ([]row, error) {
		if id == "" {
			left := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.Caller == caller })
			if len(left) == len(rows) {
				return nil, errNoEndpoint
			}
			return left, nil
		}
		return rows, with(rows, caller, func(r *row) error {
			left := slices.DeleteFunc(slices.Clone(r.Secrets), func(s secretRow) bool { return s.ID == id })
			switch {
			case len(left) == len(r.Secrets):
				return errors.New("there is no such secret: `gateway keys webhook list` shows them")
			case len(left) == 0:
				return errors.New("it is the only secret: rotate first, with --overlap 0s if it has become known")
			}
			r.Secrets = left
			return nil
		})
	})
}

// List are all endpoints, by caller.
func List(file string) ([]Endpoint, error) {
	set, err := readSet(file)
	if err != nil {
		return nil, fmt.Errorf("notify: endpoints: %w", err)
	}
	gone, err := readGone(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("notify: endpoints: %w", err)
	}
	var out []Endpoint
	for _, one := range set.byCaller {
		one.Gone = slices.Contains(gone, one.ID)
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b Endpoint) int { return cmp.Compare(a.Caller, b.Caller) })
	return out, nil
}

func change(file string, alter func([]row) ([]row, error)) error {
	if err := changeRows(file, alter); err != nil {
		return fmt.Errorf("notify: endpoints: %w", err)
	}
	return nil
}

func with(rows []row, caller string, do func(*row) error) error {
	for i := range rows {
		if rows[i].Caller == caller {
			return do(&rows[i])
		}
	}
	return errNoEndpoint
}

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func newID(prefix string, now time.Time) string {
	chance := make([]byte, 4)
	_, _ = rand.Read(chance) // it never fails
	return prefix + now.UTC().Format("20060102") + "-" + hex.EncodeToString(chance)
}
