package app

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"kaqiao/profiles/secret"
)

// maxCallers is how many callers one gateway knows: each request is compared with all of them.
const maxCallers = 1000

var callerID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// hasher makes the keyed hash of a caller's key.
type hasher func(secret.Key) []byte

// Caller is one line of the callers' file: who may call, and the keyed hash of its key.
type Caller struct {
	ID   string    `yaml:"id"`
	Hash string    `yaml:"key_hash"` // hexadecimal
	At   time.Time `yaml:"created_at"`
	// Operator is true for those who may overrule the gates. Default false.
	Operator bool `yaml:"operator,omitempty"`
	// Envelope is required where every sensitive field must come sealed; empty or optional: it may.
	Envelope string `yaml:"envelope,omitempty"`
}

// The words of Caller.Envelope.
const (
	envelopeRequired = "required"
	envelopeOptional = "optional"
)

// callers is who may call.
type callers struct {
	hash hasher
	ids  []string
	keys [][]byte

	operators []string
	seal      map[string]bool // who must seal
}

// Operator reports whether a caller may overrule the gates.
func (c *callers) Operator(id string) bool { return slices.Contains(c.operators, id) }

// EnvelopeRequired reports whether a caller must seal every sensitive field.
func (c *callers) EnvelopeRequired(id string) bool { return c.seal[id] }

// Find compares with every caller's hash, in constant time.
func (c *callers) Find(key secret.Key) (string, bool) {
	sum := c.hash(key)
	found := -1
	for i, want := range c.keys {
		if subtle.ConstantTimeCompare(sum, want) == 1 {
			found = i
		}
	}
	if found < 0 {
		return "", false
	}
	return c.ids[found], true
}

func readCallers(path string, hash hasher) (*callers, error) {
	list, err := readCallerFile(path)
	if err != nil {
		return nil, err
	}
	c := &callers{hash: hash, seal: map[string]bool{}}
	for _, one := range list {
		sum, err := hex.DecodeString(one.Hash)
		if err != nil || len(sum) < 16 || !callerID.MatchString(one.ID) {
			return nil, fmt.Errorf("callers: %s: an entry is damaged; make the caller again with `gateway keys caller`", path)
		}
		switch one.Envelope {
		case envelopeRequired:
			c.seal[one.ID] = true
		case "", envelopeOptional:
		default:
			return nil, fmt.Errorf("callers: %s: %s: envelope must be %s or %s", path, one.ID, envelopeRequired, envelopeOptional)
		}
		c.ids, c.keys = append(c.ids, one.ID), append(c.keys, sum)
		if one.Operator {
			c.operators = append(c.operators, one.ID)
		}
	}
	return c, nil
}

func readCallerFile(path string) ([]Caller, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("callers: %w", err)
	}
	var list []Caller
	if err := yaml.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("callers: %s is damaged: %w", path, err)
	}
	return list, nil
}

// addCaller makes a key for a caller, keeps its hash in place of an earlier
// one of the same id, and returns the key, which is kept nowhere. An empty
// Envelope means: as it was.
func addCaller(path string, as Caller, hash hasher, now time.Time) (secret.Key, error) {
	if !callerID.MatchString(as.ID) {
		return secret.Key{}, errors.New("callers: an id is a to z, 0 to 9 and -, at most 32 characters")
	}
	list, err := readCallerFile(path)
	if err != nil {
		return secret.Key{}, err
	}
	random := make([]byte, 32)
	if _, err := rand.Read(random); err != nil {
		return secret.Key{}, fmt.Errorf("callers: %w", err)
	}
	key := secret.NewKey("kq_" + hex.EncodeToString(random))
	as.Hash, as.At = hex.EncodeToString(hash(key)), now.UTC().Truncate(time.Second)
	next := []Caller{as}
	for _, one := range list {
		if one.ID != as.ID {
			next = append(next, one)
		} else if as.Envelope == "" {
			next[0].Envelope = one.Envelope
		}
	}
	if len(next) > maxCallers {
		return secret.Key{}, fmt.Errorf("callers: there are %d already", maxCallers)
	}
	raw, err := yaml.Marshal(next)
	if err != nil {
		return secret.Key{}, fmt.Errorf("callers: %w", err)
	}
	return key, replace(path, raw)
}

// replace writes a file whole or not at all, with mode 0600.
func replace(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
