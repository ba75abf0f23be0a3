package app

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"go.yaml.in/yaml/v3"

	"kaqiao/profiles/secret"
)

// The limits of the callers' file: each request is compared with all keys.
const (
	maxCallers    = 1000
	maxCallerKeys = 4 // of one caller that are still taken
)

var callerID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// hasher makes the keyed hash of a caller's key.
type hasher func(secret.Key) []byte

// Caller is one entry of the callers' file: who may call, and the keyed hashes of its keys.
type Caller struct {
	ID   string      `yaml:"id"`
	Keys []CallerKey `yaml:"keys,omitempty"` // newest first
	// Operator is true for those who may overrule the gates. Default false.
	Operator bool `yaml:"operator,omitempty"`
	// Envelope is required where every sensitive field must come sealed; empty or optional: it may.
	Envelope string `yaml:"envelope,omitempty"`

	// Hash and At are of a file in which a caller had one key.
	Hash string    `yaml:"key_hash,omitempty"`
	At   time.Time `yaml:"created_at,omitempty"`
}

// CallerKey is one key of a caller, without the key.
type CallerKey struct {
	ID       string    `yaml:"id"`
	Hash     string    `yaml:"hash"` // hexadecimal
	At       time.Time `yaml:"created_at"`
	NotAfter time.Time `yaml:"not_after,omitempty"` // it is taken until then; zero: until it is retired
}

func (k *CallerKey) taken(now time.Time) bool { return k.NotAfter.IsZero() || now.Before(k.NotAfter) }

// The words of Caller.Envelope.
const (
	envelopeRequired = "required"
	envelopeOptional = "optional"
)

// callers is who may call. It looks at its file once for each request, when it
// is asked whose key that brings, so a key that is made, retired or revoked counts from the next request on.
type callers struct {
	path  string
	hash  hasher
	now   func() time.Time
	log   *slog.Logger
	known atomic.Pointer[callerSet] // never changed, only replaced
	mu    sync.Mutex                // held while the file is read
}

// callerSet is the file as it was read.
type callerSet struct {
	file fs.FileInfo // nil: there was none
	byID map[string]Caller
	keys []knownKey
}

type knownKey struct {
	caller string
	sum    []byte
	key    CallerKey
}

// openCallers reads the file. Where there is none, nobody may call yet.
func openCallers(path string, hash hasher, now func() time.Time, log *slog.Logger) (*callers, error) {
	set, err := readCallers(path)
	if err != nil {
		return nil, err
	}
	c := &callers{path: path, hash: hash, now: now, log: log}
	c.known.Store(set)
	return c, nil
}

// Operator reports whether a caller, whom Find has found, may overrule the gates.
func (c *callers) Operator(id string) bool { return c.known.Load().byID[id].Operator }

// EnvelopeRequired reports whether a caller, whom Find has found, must seal every sensitive field.
func (c *callers) EnvelopeRequired(id string) bool {
	return c.known.Load().byID[id].Envelope == envelopeRequired
}

// Find compares with every key's hash, in constant time.
func (c *callers) Find(key secret.Key) (string, bool) {
	return c.current().find(c.hash(key), c.now())
}

func (s *callerSet) find(sum []byte, now time.Time) (string, bool) {
	found := -1
	for i := range s.keys {
		if subtle.ConstantTimeCompare(sum, s.keys[i].sum) == 1 && s.keys[i].key.taken(now) {
			found = i
		}
	}
	if found < 0 {
		return "", false
	}
	return s.keys[found].caller, true
}

// current is the file as it stands now. One that can't be read any more
// changes nothing: who was known stays, and the log says so once.
func (c *callers) current() *callerSet {
	set := c.known.Load()
	if file, _ := os.Stat(c.path); sameFile(file, set.file) {
		return set
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	set = c.known.Load()
	file, _ := os.Stat(c.path)
	if sameFile(file, set.file) {
		return set
	}
	next, err := readCallers(c.path)
	if err == nil && next.file == nil {
		err = errors.New("the file is gone")
	}
	if err != nil {
		c.log.Error("the callers could not be read again: those known before stay", "error", err)
		next = &callerSet{file: file, byID: set.byID, keys: set.keys}
	} else {
		c.log.Info("the callers were read again", "callers", len(next.byID), "keys", len(next.keys))
	}
	c.known.Store(next)
	return next
}

func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// readCallers looks at the file before it reads it: what is put in its place
// meanwhile is read again next time.
func readCallers(path string) (*callerSet, error) {
	file, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &callerSet{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("callers: %w", err)
	}
	list, err := readCallerFile(path)
	if err != nil {
		return nil, err
	}
	set := &callerSet{file: file, byID: map[string]Caller{}}
	ids := map[string]bool{}
	for _, one := range list {
		if _, twice := set.byID[one.ID]; twice || !callerID.MatchString(one.ID) {
			return nil, fmt.Errorf("callers: %s: an entry is damaged; make the caller again with `gateway keys caller`", path)
		}
		if one.Envelope != "" && one.Envelope != envelopeRequired && one.Envelope != envelopeOptional {
			return nil, fmt.Errorf("callers: %s: %s: envelope must be %s or %s", path, one.ID, envelopeRequired, envelopeOptional)
		}
		set.byID[one.ID] = one
		for _, k := range one.Keys {
			sum, err := hex.DecodeString(k.Hash)
			if err != nil || len(sum) < 16 || ids[k.ID] {
				return nil, fmt.Errorf("callers: %s: a key of %s is damaged; make the caller again with `gateway keys caller`", path, one.ID)
			}
			ids[k.ID] = true
			set.keys = append(set.keys, knownKey{caller: one.ID, sum: sum, key: k})
		}
	}
	return set, nil
}

// readCallerFile refuses a file that others may write: whoever writes it may call.
func readCallerFile(path string) ([]Caller, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("callers: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return nil, fmt.Errorf("callers: %s has mode %04o: nobody but its owner may write it, 0600", path, mode)
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("callers: %w", err)
	}
	var list []Caller
	if err := yaml.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("callers: %s is damaged: %w", path, err)
	}
	for i := range list {
		if one := &list[i]; one.Hash != "" {
			one.Keys = append(one.Keys, CallerKey{ID: "first-of-" + one.ID, Hash: one.Hash, At: one.At})
			one.Hash, one.At = "", time.Time{}
		}
	}
	return list, nil
}

// newCallerKey makes a key, and what is kept of it.
func newCallerKey(hash hasher, now time.Time) (secret.Key, CallerKey) {
	chance := make([]byte, 36)
	_, _ = rand.Read(chance) // never fails
	key := secret.NewKey("kq_" + hex.EncodeToString(chance[:32]))
	now = now.UTC().Truncate(time.Second)
	return key, CallerKey{ID: "key-" + now.Format("20060102") + "-" + hex.EncodeToString(chance[32:]), Hash: hex.EncodeToString(hash(key)), At: now}
}
