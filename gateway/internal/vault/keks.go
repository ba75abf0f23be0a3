package vault

import (
	"bytes"
	"crypto/cipher"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/emmansun/gmsm/sm4"
	"go.yaml.in/yaml/v3"

	"kaqiao/gateway/internal/ownfile"
)

// KEK is a key-encryption key, without the key: the keys of the days are encrypted under one.
type KEK struct {
	ID    string
	State string    // KEKActive, KEKRetiring, KEKDestroyed
	Since time.Time // when it was made; zero for the first
	Wraps int       // keys of days that are encrypted under it
}

// The states of a key-encryption key.
const (
	KEKActive    = "active"    // the keys of days are encrypted under it
	KEKRetiring  = "retiring"  // it still opens keys of days, until they are encrypted under the active one
	KEKDestroyed = "destroyed" // its id is all that is left
)

// firstKEK is the id of the key that a new key file brings. It has no key of
// its own in the file of KEKs: it is derived from the key file.
const firstKEK = "first"

// maxKEKs is how many the file may list. Beyond keptKEKs, destroyed ones are forgotten, oldest first.
const (
	keptKEKs = 16
	maxKEKs  = 32
)

// kekRow is one line of the file of KEKs, newest first.
type kekRow struct {
	ID    string    `yaml:"id"`
	State string    `yaml:"state"`
	Since time.Time `yaml:"since,omitempty"`
	Key   string    `yaml:"key,omitempty"` // 32 hexadecimal digits; none for the first and for destroyed ones
}

// keks is the file as it was read.
type keks struct {
	opens  map[string]cipher.AEAD // by id, without destroyed ones
	active string
}

// kekFile lies beside the key file. Where there is none, there is the first key alone.
func (c Config) kekFile() string { return c.KeyFile + ".keks" }

// loadKEKs reads the keys as they stand now.
func (c Config) loadKEKs() (*keks, error) {
	root, err := readKeyFile(c.KeyFile)
	if err != nil {
		return nil, err
	}
	defer root.clear()
	rows, err := readKEKRows(c.kekFile())
	if err != nil {
		return nil, err
	}
	set := &keks{opens: map[string]cipher.AEAD{}}
	for _, r := range rows {
		if r.State == KEKDestroyed {
			continue
		}
		key := root.first
		if r.ID != firstKEK {
			if key, err = hex.DecodeString(r.Key); err != nil || len(key) != sm4.BlockSize {
				return nil, fmt.Errorf("%s: key %s is not of 32 hexadecimal digits", c.kekFile(), r.ID)
			}
		}
		if key == nil {
			return nil, fmt.Errorf("%s: key %s is not in %s any more", c.kekFile(), r.ID, c.KeyFile)
		}
		set.opens[r.ID] = gcm(key[:sm4.BlockSize])
		clear(key)
		if r.State == KEKActive {
			set.active = r.ID
		}
	}
	return set, nil
}

// readKEKRows refuses a file that others may read, and one that is not whole.
func readKEKRows(path string) ([]*kekRow, error) {
	text, err := ownfile.Read(path)
	defer clear(text)
	if errors.Is(err, fs.ErrNotExist) {
		return []*kekRow{{ID: firstKEK, State: KEKActive}}, nil
	} else if err != nil {
		return nil, err
	}
	var rows []*kekRow
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&rows); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is damaged", path) // the parser's own words may quote a key
	}
	if len(rows) > maxKEKs {
		return nil, fmt.Errorf("%s has %d keys, at most %d", path, len(rows), maxKEKs)
	}
	seen, active := map[string]bool{}, 0
	for n, r := range rows {
		if r == nil || !envelopeID.MatchString(r.ID) || seen[r.ID] ||
			!slices.Contains([]string{KEKActive, KEKRetiring, KEKDestroyed}, r.State) ||
			(r.Key != "") != (r.ID != firstKEK && r.State != KEKDestroyed) {
			return nil, fmt.Errorf("%s: key %d: its id, its state or its key is not as it must be", path, n+1)
		}
		seen[r.ID] = true
		if r.State == KEKActive {
			active++
		}
	}
	if active != 1 {
		return nil, fmt.Errorf("%s: %d keys are active, and one must be", path, active)
	}
	return rows, nil
}

func writeKEKRows(path string, rows []*kekRow) error {
	text, err := yaml.Marshal(rows)
	defer clear(text)
	if err != nil {
		return err
	}
	return ownfile.Replace(path, text)
}
