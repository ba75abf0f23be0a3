package vault

import (
	"bytes"
	"crypto/hkdf"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"os"
	"slices"

	"github.com/emmansun/gmsm/sm3"

	"kaqiao/gateway/internal/ownfile"
)

// rootSize is the length of the key file's key in bytes.
const rootSize = 32

// CreateKeyFile makes a key file: 32 random bytes in hexadecimal, mode 0600.
// It never overwrites one: the error wraps fs.ErrExist then.
func CreateKeyFile(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("vault: create key file: %w", err)
	}
	key := make([]byte, rootSize)
	random(key)
	_, err = fmt.Fprintf(f, "%x\n", key)
	clear(key)
	if err := errors.Join(err, f.Sync(), f.Close(), ownfile.SyncFolder(path)); err != nil {
		return fmt.Errorf("vault: create key file: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// keyring is what a key file holds: what all other keys hang on.
type keyring struct {
	first                  []byte // the first key-encryption key; nil once it was destroyed
	cards, bodies, callers []byte // keys of the hashes
}

func (k *keyring) clear() {
	for _, key := range [][]byte{k.first, k.cards, k.bodies, k.callers} {
		clear(key)
	}
}

// hashKeys are those that stay for ever: what they have hashed is found by no others.
func (k *keyring) hashKeys() map[string]*[]byte {
	return map[string]*[]byte{"card hash": &k.cards, "body fingerprint": &k.bodies, "caller hash": &k.callers}
}

// readKeyFile refuses a file that others may read. There are two forms: one
// key, from which all are derived, or, once the first key-encryption key was
// destroyed, the keys of the hashes alone.
func readKeyFile(path string) (*keyring, error) {
	text, err := ownfile.Read(path)
	defer clear(text)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	k := &keyring{}
	if bytes.ContainsRune(text, ':') {
		return k, k.parse(path, text)
	}
	digits := bytes.TrimSpace(text)
	root := make([]byte, hex.DecodedLen(len(digits)))
	defer clear(root)
	if _, err := hex.Decode(root, digits); err != nil || len(root) != rootSize {
		return nil, fmt.Errorf("key file %s: want 64 hexadecimal digits", path)
	}
	keys := k.hashKeys()
	keys["epoch keys"] = &k.first
	for purpose, key := range keys {
		if *key, err = derive(root, purpose); err != nil {
			return nil, fmt.Errorf("derive key: %w", err)
		}
	}
	return k, nil
}

// parse reads the form without the first key.
func (k *keyring) parse(path string, text []byte) error {
	keys := k.hashKeys()
	for line := range bytes.SplitSeq(bytes.TrimSpace(text), []byte("\n")) {
		purpose, digits, _ := bytes.Cut(line, []byte(": "))
		into := keys[string(purpose)]
		key := make([]byte, hex.DecodedLen(len(digits)))
		if _, err := hex.Decode(key, digits); err != nil || into == nil || *into != nil || len(key) != rootSize {
			return fmt.Errorf("key file %s is damaged", path)
		}
		*into = key
	}
	for _, key := range keys {
		if *key == nil {
			return fmt.Errorf("key file %s is damaged: a key is missing", path)
		}
	}
	return nil
}

// dropFirst leaves of a key file the keys of the hashes, so that the first
// key-encryption key can't be derived from it any more.
func dropFirst(path string) error {
	k, err := readKeyFile(path)
	if err != nil || k.first == nil {
		return err
	}
	defer k.clear()
	var text bytes.Buffer
	for _, purpose := range slices.Sorted(maps.Keys(k.hashKeys())) {
		fmt.Fprintf(&text, "%s: %x\n", purpose, *k.hashKeys()[purpose])
	}
	defer clear(text.Bytes())
	return ownfile.Replace(path, text.Bytes())
}

// derive makes a key for one purpose, so that no key serves two. HKDF with SM3, 32 bytes.
func derive(root []byte, purpose string) ([]byte, error) {
	return hkdf.Key(func() hash.Hash { return sm3.New() }, root, nil, "kaqiao vault "+purpose, 32)
}
