package vault

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/profiles/wire/seal"
)

// EnvelopePrefix is how a field begins that its sender has sealed to a key of the gateway.
const EnvelopePrefix = "sm2:"

// The limits of one envelope: the whole of it, and the text in it.
const (
	maxEnvelope     = 512
	maxEnvelopeText = 128
)

// ErrEnvelopeKey: an envelope names a key that is unknown, revoked or past its time.
var ErrEnvelopeKey = errors.New("envelope's key is not in use")

// EnvelopeKey is a key that callers seal to, without its private half.
type EnvelopeKey struct {
	ID        string
	State     string // EnvelopeActive, EnvelopeRetiring, EnvelopeRevoked
	Public    string // PEM, SubjectPublicKeyInfo; empty for a revoked one
	NotBefore time.Time
	NotAfter  time.Time // until when it opens; zero: until it is retired
}

// The states of an envelope key.
const (
	EnvelopeActive   = "active"   // callers seal to it
	EnvelopeRetiring = "retiring" // it still opens, until its NotAfter
	EnvelopeRevoked  = "revoked"  // its private half is destroyed
)

// EnvelopeConfig is what Envelopes needs. Log may be nil; the rest is required.
type EnvelopeConfig struct {
	// File holds the keys; AddEnvelopeKey makes one. Where there is none, there are no keys.
	File string
	Now  func() time.Time
	Log  *slog.Logger
}

// Envelopes opens what callers have sealed. It looks at its file before each
// use, so a key that is made, retired or revoked counts from the next request
// on, without a restart and without a signal that could get lost. It is safe
// for concurrent use.
type Envelopes struct {
	cfg   EnvelopeConfig
	known atomic.Pointer[envelopeSet] // never changed, only replaced
	mu    sync.Mutex                  // held while the file is read
}

// envelopeSet is the file as it was read.
type envelopeSet struct {
	file fs.FileInfo // nil: there was none
	keys []*envelopeKey
}

// OpenEnvelopes reads the keys. A file that is damaged or readable by others is an error.
func OpenEnvelopes(cfg EnvelopeConfig) (*Envelopes, error) {
	if cfg.Now == nil || cfg.File == "" {
		return nil, errors.New("vault: envelopes: a file and a clock are needed")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Envelopes{cfg: cfg}
	set, err := readEnvelopeSet(cfg.File)
	if err != nil {
		return nil, fmt.Errorf("vault: envelope keys: %w", err)
	}
	e.known.Store(set)
	return e, nil
}

// Published are the keys that callers may use, active ones first, the newest of each first.
func (e *Envelopes) Published() []EnvelopeKey {
	now := e.cfg.Now()
	var out []EnvelopeKey
	for _, state := range []string{EnvelopeActive, EnvelopeRetiring} {
		for _, k := range e.current().keys {
			if k.State == state && k.opens(now) {
				out = append(out, k.public())
			}
		}
	}
	return out
}

// Open returns the text of sm2:<key id>:<base64>, without spaces behind it.
// Its error wraps ErrEnvelopeKey or ErrSealed and says nothing of the text.
func (e *Envelopes) Open(envelope string) (string, error) {
	id, ciphertext, ok := parseEnvelope(envelope)
	if !ok {
		return "", fmt.Errorf("vault: envelope: %w", ErrSealed)
	}
	now := e.cfg.Now()
	for _, k := range e.current().keys {
		if k.ID != id || !k.opens(now) {
			continue
		}
		text, err := seal.DecryptSM2(k.key, ciphertext)
		defer clear(text)
		if err != nil || len(text) > maxEnvelopeText {
			return "", fmt.Errorf("vault: envelope: %w", ErrSealed)
		}
		return strings.TrimRight(string(text), " "), nil
	}
	return "", fmt.Errorf("vault: envelope: %w", ErrEnvelopeKey)
}

// parseEnvelope splits sm2:<key id>:<base64>. Base64 is taken in its one strict form: padded, in one line.
func parseEnvelope(envelope string) (id string, ciphertext []byte, ok bool) {
	rest, ok := strings.CutPrefix(envelope, EnvelopePrefix)
	if !ok || len(envelope) > maxEnvelope {
		return "", nil, false
	}
	id, text, ok := strings.Cut(rest, ":")
	if !ok || !envelopeID.MatchString(id) || strings.ContainsAny(text, "\r\n") {
		return "", nil, false
	}
	ciphertext, err := base64.StdEncoding.Strict().DecodeString(text)
	return id, ciphertext, err == nil && len(ciphertext) > 0
}

// current is the file as it stands now. One that can't be read any more
// changes nothing: what was known stays, and the log says so once.
func (e *Envelopes) current() *envelopeSet {
	set := e.known.Load()
	if file, _ := os.Stat(e.cfg.File); sameFile(file, set.file) {
		return set
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	set = e.known.Load()
	file, _ := os.Stat(e.cfg.File)
	if sameFile(file, set.file) {
		return set
	}
	next, err := readEnvelopeSet(e.cfg.File)
	if err == nil && next.file == nil {
		err = errors.New("the file is gone")
	}
	if err != nil {
		e.cfg.Log.Error("the envelope keys could not be read again: those known before stay in use", "error", err)
		next = &envelopeSet{file: file, keys: set.keys}
	} else {
		e.cfg.Log.Info("the envelope keys were read again", "keys", len(next.keys))
	}
	e.known.Store(next)
	return next
}

func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && a.Mode() == b.Mode()
}

// readEnvelopeSet looks at the file before it reads it: what is put in its
// place meanwhile is read again next time.
func readEnvelopeSet(path string) (*envelopeSet, error) {
	file, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &envelopeSet{}, nil
	}
	if err != nil {
		return nil, err
	}
	keys, err := readEnvelopeKeys(path)
	if err != nil {
		return nil, err
	}
	return &envelopeSet{file: file, keys: keys}, nil
}
