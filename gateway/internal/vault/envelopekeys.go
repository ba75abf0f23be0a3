package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
	"go.yaml.in/yaml/v3"

	"kaqiao/gateway/internal/ownfile"
	"kaqiao/profiles/wire/seal"
)

// The limits of the file of envelope keys. Beyond the first, keys that open nothing any more are forgotten.
const (
	keptEnvelopeKeys = 32
	maxEnvelopeKeys  = 64
)

var envelopeID = regexp.MustCompile(`^[0-9a-z-]{1,32}$`)

// envelopeKey is one key of the file, newest first.
type envelopeKey struct {
	ID        string    `yaml:"id"`
	State     string    `yaml:"state"`
	NotBefore time.Time `yaml:"not_before"`
	NotAfter  time.Time `yaml:"not_after,omitempty"`
	Private   string    `yaml:"private,omitempty"` // PKCS#8 in PEM; none for a revoked one

	key *sm2.PrivateKey
	pem string // of the public half
}

func (k *envelopeKey) opens(now time.Time) bool {
	return k.State != EnvelopeRevoked && (k.NotAfter.IsZero() || now.Before(k.NotAfter))
}

func (k *envelopeKey) public() EnvelopeKey {
	return EnvelopeKey{ID: k.ID, State: k.State, Public: k.pem, NotBefore: k.NotBefore, NotAfter: k.NotAfter}
}

// AddEnvelopeKey makes a key in the file and has callers seal to it from now
// on. Those that were active before retire, and go on opening for the overlap.
// lives, where it is not 0, is how long the new key opens.
func AddEnvelopeKey(path string, now time.Time, overlap, lives time.Duration) (made EnvelopeKey, err error) {
	fresh, err := newEnvelopeKey(now, lives)
	if err != nil {
		return EnvelopeKey{}, fmt.Errorf("vault: envelope keys: %w", err)
	}
	err = changeEnvelopeKeys(path, func(keys []*envelopeKey) ([]*envelopeKey, error) {
		for _, k := range keys {
			if k.State == EnvelopeActive {
				k.retire(now, overlap)
			}
		}
		keys = append([]*envelopeKey{fresh}, keys...)
		for i := len(keys) - 1; i > 0 && len(keys) > keptEnvelopeKeys; i-- {
			if !keys[i].opens(now) {
				keys = slices.Delete(keys, i, i+1)
			}
		}
		if len(keys) > maxEnvelopeKeys {
			return nil, fmt.Errorf("%d keys still open: revoke some of them first", maxEnvelopeKeys)
		}
		return keys, nil
	})
	return fresh.public(), err
}

// RetireEnvelopeKey has callers seal to another key; this one goes on opening
// for the overlap. The only active key can't be retired.
func RetireEnvelopeKey(path, id string, now time.Time, overlap time.Duration) error {
	return changeEnvelopeKeys(path, func(keys []*envelopeKey) ([]*envelopeKey, error) {
		others := 0
		for _, k := range keys {
			if k.ID != id && k.State == EnvelopeActive && k.opens(now) {
				others++
			}
		}
		return keys, withEnvelopeKey(keys, id, func(k *envelopeKey) error {
			switch {
			case k.State == EnvelopeRevoked:
				return fmt.Errorf("key %s is revoked already", id)
			case k.State == EnvelopeActive && others == 0:
				return fmt.Errorf("key %s is the only active one: add another first, which retires it", id)
			}
			k.retire(now, overlap)
			return nil
		})
	})
}

// RevokeEnvelopeKey destroys the private half of a key: nothing that was
// sealed to it opens any more.
func RevokeEnvelopeKey(path, id string) error {
	return changeEnvelopeKeys(path, func(keys []*envelopeKey) ([]*envelopeKey, error) {
		return keys, withEnvelopeKey(keys, id, func(k *envelopeKey) error {
			k.State, k.Private = EnvelopeRevoked, ""
			return nil
		})
	})
}

// EnvelopeKeys are all keys of a file, revoked ones too, newest first.
func EnvelopeKeys(path string) ([]EnvelopeKey, error) {
	keys, err := readEnvelopeKeys(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("vault: envelope keys: %w", err)
	}
	out := make([]EnvelopeKey, len(keys))
	for i, k := range keys {
		out[i] = k.public()
	}
	return out, nil
}

// retire never prolongs a key's life.
func (k *envelopeKey) retire(now time.Time, overlap time.Duration) {
	k.State = EnvelopeRetiring
	if end := now.Add(overlap).UTC().Truncate(time.Second); k.NotAfter.IsZero() || end.Before(k.NotAfter) {
		k.NotAfter = end
	}
}

func withEnvelopeKey(keys []*envelopeKey, id string, do func(*envelopeKey) error) error {
	for _, k := range keys {
		if k.ID == id {
			return do(k)
		}
	}
	return errors.New("there is no such key: `gateway keys envelope list` shows them")
}

func newEnvelopeKey(now time.Time, lives time.Duration) (*envelopeKey, error) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	chance := make([]byte, 4)
	random(chance)
	now = now.UTC().Truncate(time.Second)
	k := &envelopeKey{
		ID: "env-" + now.Format("20060102") + "-" + hex.EncodeToString(chance), State: EnvelopeActive, NotBefore: now,
		Private: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}
	if lives > 0 {
		k.NotAfter = now.Add(lives)
	}
	return k, k.learn()
}

// learn reads the key itself out of its text.
func (k *envelopeKey) learn() error {
	private, err := seal.ParsePrivate([]byte(k.Private))
	if err != nil {
		return err
	}
	key, ok := private.(*sm2.PrivateKey)
	if !ok {
		return errors.New("the key is not an SM2 key")
	}
	public, err := smx509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	k.key, k.pem = key, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	return nil
}

// readEnvelopeKeys refuses a file that others may read, and one that is not whole.
func readEnvelopeKeys(path string) ([]*envelopeKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o: it must be its owner's alone, 0600", path, mode)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	defer clear(text)
	if err != nil {
		return nil, err
	}
	var keys []*envelopeKey
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&keys); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is damaged", path) // the parser's own words may quote a key
	}
	if len(keys) > maxEnvelopeKeys {
		return nil, fmt.Errorf("%s has %d keys, at most %d", path, len(keys), maxEnvelopeKeys)
	}
	seen := map[string]bool{}
	for n, k := range keys {
		if k == nil || !envelopeID.MatchString(k.ID) || seen[k.ID] ||
			!slices.Contains([]string{EnvelopeActive, EnvelopeRetiring, EnvelopeRevoked}, k.State) {
			return nil, fmt.Errorf("%s: key %d: its id or its state is not as it must be", path, n+1)
		}
		seen[k.ID] = true
		if k.State == EnvelopeRevoked {
			continue
		}
		if err := k.learn(); err != nil {
			return nil, fmt.Errorf("%s: key %s: %w", path, k.ID, err)
		}
	}
	return keys, nil
}

// changeEnvelopeKeys alters the file, whole or not at all. Another process that does the same waits.
func changeEnvelopeKeys(path string, alter func([]*envelopeKey) ([]*envelopeKey, error)) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("vault: envelope keys: %w", err)
		}
	}()
	release, err := ownfile.Turn(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	keys, err := readEnvelopeKeys(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if keys, err = alter(keys); err != nil {
		return err
	}
	text, err := yaml.Marshal(keys)
	defer clear(text)
	if err != nil {
		return err
	}
	return ownfile.Replace(path, text)
}
