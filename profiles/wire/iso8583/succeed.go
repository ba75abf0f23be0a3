package iso8583

import (
	"slices"

	"kaqiao/profiles/wire"
)

// Succeed has this codec take the place of one of the same channel that is
// still in use: answers to what the old one has asked may come under a key that
// the new one's session was handed, and the other way round. Until end is
// called, each takes what comes in under the MAC keys of both; each seals with
// its own. A codec of another protocol changes nothing.
func (c *Codec) Succeed(old wire.Codec) (end func()) {
	before, ok := old.(*Codec)
	if !ok {
		return func() {}
	}
	before.keys.mu.Lock()
	all := append(slices.Clone(before.keys.kin), before.keys) // those before it may be in use as well
	before.keys.mu.Unlock()
	for _, k := range all {
		c.keys.join(k)
		k.join(c.keys)
	}
	return func() {
		for _, k := range all {
			c.keys.part(k)
			k.part(c.keys)
		}
	}
}

func (k *Keys) join(other *Keys) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kin = append(slices.Clone(k.kin), other)
}

func (k *Keys) part(other *Keys) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kin = slices.DeleteFunc(slices.Clone(k.kin), func(x *Keys) bool { return x == other })
}

// ofKin reports whether a seal was made under the keys of a codec that this one succeeds, or that succeeds it.
func (k *Keys) ofKin(text, mac []byte) bool {
	k.mu.Lock()
	kin := k.kin
	k.mu.Unlock()
	return slices.ContainsFunc(kin, func(other *Keys) bool {
		other.mu.Lock()
		current, former := other.current, other.former
		other.mu.Unlock()
		return current.made(text, mac) || slices.ContainsFunc(former[:], func(k *macKey) bool { return k.made(text, mac) })
	})
}
