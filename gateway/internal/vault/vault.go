// Package vault is the only room that keeps card numbers and identities. It
// turns them into sealed bytes for the journal and into keyed hashes.
//
// Three keys hang on each other: a data key, fresh for each Seal, encrypts the
// person; the key of the Beijing day (the epoch) encrypts the data key; a
// key-encryption key encrypts the keys of the days, which lie in the epoch
// file. The first of those comes with the key file; others are added, and old
// ones destroyed, under a running gateway (AddKEK, DestroyKEK).
//
// Destroying a binding's sealed bytes makes them unreadable at once through
// the gateway. A database's log, a copy or a disk may still hold them: for
// those they are past recovery once the key of their epoch is destroyed as
// well. The Keeper sees to that: it seals anew what still lives under an old
// day, and then destroys that day's key.
package vault

import (
	"cmp"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// What can be wrong with sealed bytes. No error of this package says more of
// them than that.
var (
	// ErrSealed: the bytes are not what this vault has sealed for this binding.
	ErrSealed = errors.New("sealed data does not open")
	// ErrDestroyed: the key of their epoch was destroyed, and with it what was sealed.
	ErrDestroyed = errors.New("key of sealed data was destroyed")
)

// Config is what a vault needs.
type Config struct {
	// KeyFile holds the key that all others hang on; CreateKeyFile makes one. Required.
	KeyFile string
	// EpochFile keeps the keys of the days, encrypted. Default: KeyFile with
	// .epochs behind it. Without it nothing that was sealed can be opened.
	EpochFile string
	// Now gives the day that new data is sealed under. Required.
	Now func() time.Time
	// Log hears of files that can't be read again. Default: nobody.
	Log *slog.Logger
}

func (c Config) epochFile() string { return cmp.Or(c.EpochFile, c.KeyFile+".epochs") }

// Vault seals and opens. It is safe for concurrent use, also by several
// processes with the same files.
type Vault struct {
	epochs *epochs
	now    func() time.Time

	cards, bodies, callers []byte // keys of the hashes
}

// Open reads the key file and the keys of the days.
func Open(cfg Config) (*Vault, error) {
	if cfg.Now == nil {
		return nil, errors.New("vault: a clock is needed")
	}
	root, err := readKeyFile(cfg.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	clear(root.first)
	v := &Vault{now: cfg.Now, cards: root.cards, bodies: root.bodies, callers: root.callers}
	if v.epochs, err = openEpochs(cfg.epochFile(), cfg.loadKEKs, cfg.Log); err != nil {
		return nil, fmt.Errorf("vault: %w", err)
	}
	return v, nil
}

// The form of sealed bytes: version, epoch, the encrypted data key, and the
// person encrypted with it. Version and epoch are authenticated with both.
const (
	formVersion = 1
	headSize    = 1 + 4
	wrappedSize = nonceSize + sm4.BlockSize + tagSize
	nonceSize   = 12
	tagSize     = 16
)

// Seal encrypts what a binding needs later: the person without CVV and
// expiry, and the wallet account. The bytes open for this binding alone.
func (v *Vault) Seal(binding string, p op.Person, account string) (journal.Sealed, error) {
	plain, err := encode(p, account)
	defer clear(plain)
	if err != nil {
		return journal.Sealed{}, fmt.Errorf("vault: seal: %w", err)
	}
	sealed, err := v.seal(binding, plain)
	if err != nil {
		return journal.Sealed{}, fmt.Errorf("vault: seal: %w", err)
	}
	return sealed, nil
}

func (v *Vault) seal(binding string, plain []byte) (journal.Sealed, error) {
	today, epoch, err := v.epochs.sealing(dayOf(v.now()))
	if err != nil {
		return journal.Sealed{}, err
	}
	key := make([]byte, sm4.BlockSize)
	defer clear(key)
	random(key)
	data := make([]byte, 0, headSize+wrappedSize+nonceSize+len(plain)+tagSize)
	data = append(data, formVersion)
	data = binary.BigEndian.AppendUint32(data, uint32(today))
	head := [headSize]byte(data)
	data = lock(epoch, data, key, bound("key", head, binding))
	data = lock(gcm(key), data, plain, bound("person", head, binding))
	return journal.Sealed{Binding: binding, Data: data}, nil
}

// Open decrypts what Seal made for this very binding. Its error wraps
// ErrSealed or ErrDestroyed where the bytes don't open.
func (v *Vault) Open(binding string, data []byte) (op.Person, string, error) {
	plain, err := v.open(binding, data)
	defer clear(plain)
	if err != nil {
		return op.Person{}, "", fmt.Errorf("vault: open: %w", err)
	}
	p, account, err := decode(plain)
	if err != nil {
		return op.Person{}, "", fmt.Errorf("vault: open: %w", err)
	}
	return p, account, nil
}

func (v *Vault) open(binding string, data []byte) ([]byte, error) {
	d, ok := epochOf(data)
	if !ok {
		return nil, ErrSealed
	}
	epoch, err := v.epochs.find(d)
	if err != nil {
		return nil, err
	}
	head := [headSize]byte(data)
	key, err := unlock(epoch, data[headSize:headSize+wrappedSize], bound("key", head, binding))
	defer clear(key)
	if err != nil {
		return nil, err
	}
	return unlock(gcm(key), data[headSize+wrappedSize:], bound("person", head, binding))
}

// epochOf is the day under whose key bytes were sealed; not ok: they are none of this form.
func epochOf(data []byte) (day, bool) {
	if len(data) < headSize+wrappedSize+nonceSize+tagSize || data[0] != formVersion {
		return 0, false
	}
	return day(binary.BigEndian.Uint32(data[1:])), true
}

// renew seals what was sealed for a binding again, under the key of today and
// a data key of its own. The bytes replace those they were made of, and no others.
func (v *Vault) renew(binding string, data []byte) (journal.Sealed, error) {
	plain, err := v.open(binding, data)
	defer clear(plain)
	if err != nil {
		return journal.Sealed{}, err
	}
	next, err := v.seal(binding, plain)
	next.Was = data
	return next, err
}

// Destroy destroys the key of the Beijing day in which the moment lies:
// whatever was sealed on it opens nowhere any more. The present day can't be
// destroyed.
func (v *Vault) Destroy(at time.Time) error {
	d := dayOf(at)
	if d >= dayOf(v.now()) {
		return errors.New("vault: destroy: the day is not over")
	}
	if err := v.epochs.destroy(d); err != nil {
		return fmt.Errorf("vault: destroy: %w", err)
	}
	return nil
}

// CardHash is the keyed hash under which a card number is known, HMAC-SM3, 32
// bytes. A hash without a key would be undone by trying all card numbers.
func (v *Vault) CardHash(card secret.Card) []byte { return keyedHash(v.cards, []byte(card.Reveal())) }

// Fingerprint is the keyed hash of a request's body, 32 bytes.
func (v *Vault) Fingerprint(body []byte) []byte { return keyedHash(v.bodies, body) }

// CallerHash is the keyed hash of a caller's bearer key, 32 bytes.
func (v *Vault) CallerHash(key secret.Key) []byte { return keyedHash(v.callers, []byte(key.Reveal())) }

func keyedHash(key, text []byte) []byte {
	mac := hmac.New(func() hash.Hash { return sm3.New() }, key)
	mac.Write(text)
	return mac.Sum(nil)
}

// gcm panics for a key that is not 16 bytes, which no caller has.
func gcm(key []byte) cipher.AEAD {
	block, err := sm4.NewCipher(key)
	if err != nil {
		panic("vault: " + err.Error())
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("vault: " + err.Error())
	}
	return aead
}

// bound is what ties a ciphertext to its place: it opens nowhere else.
func bound(what string, head [headSize]byte, binding string) []byte {
	return append(append([]byte("kaqiao vault "+what+" "), head[:]...), binding...)
}

// lock appends a fresh nonce and the ciphertext.
func lock(key cipher.AEAD, to, plain, bound []byte) []byte {
	var nonce [nonceSize]byte
	random(nonce[:])
	return key.Seal(append(to, nonce[:]...), nonce[:], plain, bound)
}

func unlock(key cipher.AEAD, sealed, bound []byte) ([]byte, error) {
	plain, err := key.Open(nil, sealed[:nonceSize], sealed[nonceSize:], bound)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// random fills b. The process ends where the system has no randomness.
func random(b []byte) { _, _ = rand.Read(b) }
