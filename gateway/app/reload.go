package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"kaqiao/profiles"
	"kaqiao/profiles/wire"
)

// liner is a link over long lines.
type liner interface {
	Start()
	Await(ctx context.Context) error
	Ready() int
}

// successor is a codec that shares with the one before it what both must know while both are in use.
type successor interface {
	Succeed(old wire.Codec) (end func())
}

// alone ends what a channel has in common with the one before it.
func (w *way) alone() {
	if w.after != nil {
		w.after()
	}
}

// Reload reads the keys and certificates of all channels again, and their
// states as the profiles give them now. A channel whose keys have changed is
// made anew and takes the place of the old one: what begins afterwards uses
// the new keys, what is under way ends on the old ones. The rest of the
// profiles counts from the next start on.
//
// Where anything is wrong with any channel's keys, all stay as they were; so
// they do where a channel over long lines, up until now, can't be signed on to
// with the new ones. The error says what is wrong. The log says it as well. It
// may be called while Run runs, and not otherwise.
func (a *App) Reload(ctx context.Context) error {
	a.ways.changes.Lock()
	defer a.ways.changes.Unlock()
	if a.ways.over {
		return errors.New("the gateway is stopping")
	}
	changed, secure, err := a.renewed()
	if err == nil {
		err = a.prove(ctx, changed)
	}
	if err != nil {
		for _, w := range changed {
			w.alone()
			err = errors.Join(err, w.link.Close())
		}
		a.log.Error("the keys of the channels could not be read again: those known before stay in use", "error", err)
		return err
	}
	a.callbackTLS.Store(secure)
	for _, w := range changed {
		id := w.channel.ID
		old := a.ways.of(id)
		idle := a.banks.Replace(w.channel)
		a.ways.put(w)
		a.ways.leaving.Go(func() {
			<-idle
			w.alone()
			if err := old.link.Close(); err != nil {
				a.log.Warn("the old connections of a channel did not close", "channel", id, "error", err)
			}
		})
		a.log.Info("the keys of a channel were changed", "channel", id)
	}
	a.log.Info("the keys of the channels were read again", "channels", len(a.set.Channels), "changed", len(changed))
	return nil
}

// renewed makes the channels anew whose keys have changed. What it has made
// comes with an error as well, to be closed.
func (a *App) renewed() (changed []*way, secure *callbackTLS, err error) {
	set, err := a.cfg.profiles()
	if err != nil {
		return nil, nil, err
	}
	var faults []error
	var noticed []*profiles.Channel
	for _, running := range a.set.Channels {
		id := running.ID
		next := set.Channel(id)
		if next == nil {
			a.log.Warn("a channel is not in the profiles any more: it goes from the next start on", "channel", id)
			continue
		}
		profile := *running // all but its keys stays as it was when the gateway was started
		profile.Keys, profile.Endpoint.TLS, profile.Notices = next.Keys, next.Endpoint.TLS, next.Notices
		noticed = append(noticed, &profile)
		if !reflect.DeepEqual(alike(running), alike(next)) {
			a.log.Warn("more than the keys of a channel has changed: the rest counts from the next start on", "channel", id)
		}
		w, err := a.channel(&profile)
		switch {
		case err != nil:
			faults = append(faults, err)
		case w.ring.Same(a.ways.of(id).ring) && sameTLS(w.tls, a.ways.of(id).tls):
			faults = append(faults, w.link.Close())
		default:
			if s, ok := w.channel.Codec.(successor); ok {
				w.after = s.Succeed(a.ways.of(id).channel.Codec)
			}
			changed = append(changed, w)
		}
	}
	secure, err = a.readCallbackTLS(noticed)
	for id, wants := range a.callbackTLS.Load().banks {
		if set.Channel(id) == nil { // it goes on as it was, and wants what it wanted
			secure.banks[id] = wants
		}
	}
	return changed, secure, errors.Join(append(faults, err)...)
}

// alike is a profile without its keys, to compare.
func alike(c *profiles.Channel) profiles.Channel {
	out := *c
	out.Keys, out.Endpoint.TLS, out.Notices = nil, nil, profiles.Notices{}
	return out
}

// prove signs on over new long lines before they are used. Where the old ones
// are down as well, nothing is to be lost, and perhaps the new keys are the cure.
func (a *App) prove(ctx context.Context, changed []*way) error {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	var faults []error
	for _, w := range changed {
		next, ok := w.link.(liner)
		if !ok {
			continue
		}
		next.Start()
		if old, was := a.ways.of(w.channel.ID).link.(liner); !was || old.Ready() == 0 {
			continue
		}
		if err := next.Await(ctx); err != nil {
			faults = append(faults, fmt.Errorf("channel %s: no line came up with the new keys: %w", w.channel.ID, err))
		}
	}
	return errors.Join(faults...)
}

// proofTime is how long lines have to come up with new keys.
const proofTime = 20 * time.Second

func sameTLS(a, b *tls.Config) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	chain := func(c *tls.Config) [][]byte { return c.Certificates[0].Certificate }
	return a.ServerName == b.ServerName && a.RootCAs.Equal(b.RootCAs) &&
		slices.EqualFunc(chain(a), chain(b), func(x, y []byte) bool { return string(x) == string(y) })
}
