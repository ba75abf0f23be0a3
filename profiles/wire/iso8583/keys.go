package iso8583

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// Keys are the MAC keys of one channel: what its codec seals and checks with,
// and what its session changes. All lines of a channel share them. They are
// safe for concurrent use.
//
// A side that receives a new key takes it into use at once (Rotate). A side
// that hands one out offers it first (Offer): what comes in may be sealed with
// it from then on, and with the first message that is, it is in use both ways;
// so no message is sealed with a key that the other side may not have yet. The
// key before stays good for what comes in until the next change; and longer
// where nothing has come in under its successor by then, formerKeys at most: each
// line that opens may have a key made, and the other side still answers under
// the key before all of them.
type Keys struct {
	rule   string // Options.MAC
	master cipher.Block

	mu      sync.Mutex
	current *macKey
	former  [formerKeys]*macKey // the latest first; nil: there was none
	offered *macKey
	kin     []*Keys // of codecs that take each other's place: never changed, only replaced
}

// formerKeys is how many keys before the present one may still be good for what comes in.
const formerKeys = 4

// macKey is a key and what is made with it.
type macKey struct {
	raw   []byte
	sum   func(text []byte) []byte
	heard bool // something came in under it; guarded by Keys.mu
}

// algorithmOf is the algorithm of the keys that a MAC rule works with.
func algorithmOf(rule string) string {
	switch rule {
	case "x919", "cbc3des":
		return "des3"
	case "sm4":
		return "sm4"
	}
	return "des"
}

// masterOf is the algorithm of the master key for such keys: one of DES can't protect one of SM4.
func masterOf(rule string) string {
	if rule == "sm4" {
		return "sm4"
	}
	return "des3"
}

// newKeys takes the first MAC key and the master key from a ring. Either may be missing, not both.
func newKeys(rule string, ring *seal.Ring) (*Keys, error) {
	k := &Keys{rule: rule}
	first, noMAC := ring.Active(seal.Both, "mac", algorithmOf(rule))
	if noMAC == nil {
		raw, err := first.Raw()
		if err == nil {
			k.current, err = newMACKey(rule, raw)
		}
		if err != nil {
			return k, fmt.Errorf("mac key, serial %s: %w: %w", first.Serial, err, wire.ErrKey)
		}
	}
	master, noMaster := ring.Active(seal.Both, "master", masterOf(rule))
	if noMaster == nil {
		var err error
		if k.master, err = master.Cipher(); err != nil {
			return k, fmt.Errorf("master key, serial %s: %w: %w", master.Serial, err, wire.ErrKey)
		}
	}
	if noMAC != nil && noMaster != nil {
		return k, fmt.Errorf("neither a MAC key nor a master key: %w; %w", noMAC, noMaster)
	}
	return k, nil
}

// newMACKey is a key under a MAC rule.
func newMACKey(rule string, raw []byte) (*macKey, error) {
	block, err := seal.NewCipher(algorithmOf(rule), raw)
	if err != nil {
		return nil, err
	}
	k := &macKey{raw: bytes.Clone(raw)}
	k.sum = func(text []byte) []byte { return seal.CBCMAC(block, text) }
	if rule == "x919" {
		if len(raw) != 16 {
			return nil, errors.New("the retail MAC wants a key of 16 bytes")
		}
		k.sum = func(text []byte) []byte {
			sum, _ := seal.RetailMAC(k.raw, text) // fails only for another length
			return sum
		}
	}
	return k, nil
}

// Generate draws a new MAC key and returns it as it travels, under the master
// key, in capital hexadecimal. It is not in use yet.
func (k *Keys) Generate() (secret.Key, error) {
	for range 8 {
		raw := make([]byte, seal.SecretSizes(algorithmOf(k.rule))[0])
		rand.Read(raw) // never fails
		if _, err := newMACKey(k.rule, raw); err == nil {
			return k.Wrap(raw)
		}
	}
	return secret.Key{}, errors.New("no key was drawn")
}

// Wrap returns a MAC key as it travels. It fails without a master key.
func (k *Keys) Wrap(raw []byte) (secret.Key, error) {
	if k.master == nil {
		return secret.Key{}, fmt.Errorf("no master key: %w", wire.ErrKey)
	}
	out, err := seal.Wrap(k.master, raw)
	if err != nil {
		return secret.Key{}, fmt.Errorf("%w: %w", err, wire.ErrKey)
	}
	return secret.NewKey(strings.ToUpper(hex.EncodeToString(out))), nil
}

// Rotate takes a key that came in into use, and keeps the one before for what
// comes in. The key already in use changes nothing. The error wraps
// wire.ErrKey, and the keys stay as they were.
func (k *Keys) Rotate(wrapped secret.Key) error {
	next, err := k.open(wrapped)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.install(next)
	return nil
}

// Offer lets what comes in be sealed with a key that is about to be handed
// out. It is in use from the first such message on. An earlier offer that was not taken up is void.
func (k *Keys) Offer(wrapped secret.Key) error {
	next, err := k.open(wrapped)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.offered = next
	return nil
}

// Ready reports whether there is a key to seal with.
func (k *Keys) Ready() bool { return k.sealing() != nil }

// Heard reports whether anything has come in under the key in use: then the other side has it in use as well.
func (k *Keys) Heard() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current != nil && k.current.heard
}

// Renewable reports whether there is a master key, so that new keys can be handed out and taken.
func (k *Keys) Renewable() bool { return k.master != nil }

// install needs the lock.
func (k *Keys) install(next *macKey) {
	k.offered = nil
	if k.current != nil && subtle.ConstantTimeCompare(k.current.raw, next.raw) == 1 {
		return
	}
	older := k.former
	k.former = [formerKeys]*macKey{k.current}
	if k.current != nil && !k.current.heard {
		copy(k.former[1:], older[:])
	}
	k.current = next
}

// open reads a key as it travels.
func (k *Keys) open(wrapped secret.Key) (*macKey, error) {
	if k.master == nil {
		return nil, fmt.Errorf("no master key: %w", wire.ErrKey)
	}
	in, err := hex.DecodeString(wrapped.Reveal())
	if err != nil {
		return nil, fmt.Errorf("a wrapped key is not hexadecimal: %w", wire.ErrKey)
	}
	raw, err := seal.Unwrap(k.master, in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, wire.ErrKey)
	}
	key, err := newMACKey(k.rule, raw)
	if err != nil {
		return nil, fmt.Errorf("a wrapped key: %w: %w", err, wire.ErrKey)
	}
	return key, nil
}

// sealing is the key for what goes out, or nil.
func (k *Keys) sealing() *macKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current
}

// check reports whether a seal is that of a text under the current key, one of
// those before or an offered one, which is then taken into use.
func (k *Keys) check(text, mac []byte) error {
	k.mu.Lock()
	current, former, offered := k.current, k.former, k.offered
	k.mu.Unlock()
	if current == nil && offered == nil && !k.ofKin(text, mac) {
		return fmt.Errorf("no MAC key yet: %w", wire.ErrKey)
	}
	switch {
	case current.made(text, mac):
		k.mu.Lock()
		defer k.mu.Unlock()
		current.heard = true
		return nil
	case slices.ContainsFunc(former[:], func(k *macKey) bool { return k.made(text, mac) }):
		return nil
	case offered.made(text, mac):
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.offered == offered {
			k.install(offered)
		}
		offered.heard = true
		return nil
	case k.ofKin(text, mac):
		return nil
	}
	return fmt.Errorf("field 128: %w", wire.ErrSeal)
}

// made reports whether field 128 of a text was made with the key.
func (k *macKey) made(text, mac []byte) bool {
	return k != nil && subtle.ConstantTimeCompare(k.field(text), mac) == 1
}

// field is field 128 of a text: eight capital hexadecimal digits (found).
func (k *macKey) field(text []byte) []byte {
	return []byte(strings.ToUpper(hex.EncodeToString(k.sum(text)[:4])))
}

// resetField is field 128 of a message that carries this key: four digits of
// the seal made with it and four of its check value (found).
func (k *macKey) resetField(rule string, text []byte) ([]byte, error) {
	block, err := seal.NewCipher(algorithmOf(rule), k.raw)
	if err != nil {
		return nil, err
	}
	sum := append(k.sum(text)[:2:2], seal.CheckValue(block)[:2]...)
	return []byte(strings.ToUpper(hex.EncodeToString(sum))), nil
}
