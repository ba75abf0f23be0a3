// Package vault is the only room that keeps card numbers and identities. It
// turns them into sealed bytes for the journal and into keyed hashes.
package vault

import (
	"errors"
	"time"

	"kaqiao/gateway/internal/journal"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// What can be wrong with sealed bytes.
var (
	// ErrSealed: the bytes are not what this vault has sealed for this binding.
	ErrSealed = errors.New("sealed data does not open")
	// ErrDestroyed: the key of their epoch is gone, and with it what was sealed.
	ErrDestroyed = errors.New("key of sealed data was destroyed")
)

// Config is what a vault needs.
type Config struct {
	// KeyFile holds the key that all others hang on; CreateKeyFile makes one. Required.
	KeyFile string
	// EpochFile keeps the keys of the days, wrapped. Default: KeyFile with .epochs behind it.
	EpochFile string
	// Now gives the day that new data is sealed under. Required.
	Now func() time.Time
}

// Vault seals and opens. It is safe for concurrent use.
type Vault struct{ cfg Config }

// CreateKeyFile makes a new key file with mode 0600. It never overwrites one.
func CreateKeyFile(path string) error { return nil }

// Open reads the key file and the keys of the days.
func Open(cfg Config) (*Vault, error) { return &Vault{cfg: cfg}, nil }

// Seal encrypts what a binding needs later: the person without CVV and
// expiry, and the wallet account.
func (v *Vault) Seal(binding string, p op.Person, account string) (journal.Sealed, error) {
	return journal.Sealed{}, ErrSealed
}

// Open decrypts what Seal made for this very binding.
func (v *Vault) Open(binding string, data []byte) (p op.Person, account string, err error) {
	return op.Person{}, "", ErrSealed
}

// CardHash is the keyed hash under which a card number is known.
func (v *Vault) CardHash(card secret.Card) []byte { return nil }

// Fingerprint is the keyed hash of a request's body.
func (v *Vault) Fingerprint(body []byte) []byte { return nil }

// CallerHash is the keyed hash of a caller's bearer key.
func (v *Vault) CallerHash(key secret.Key) []byte { return nil }
