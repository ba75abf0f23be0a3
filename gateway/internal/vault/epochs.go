package vault

import (
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emmansun/gmsm/sm4"

	"kaqiao/profiles"
)

// day counts Beijing days since 1970.
type day uint32

func dayOf(t time.Time) day {
	t = t.In(profiles.Beijing)
	return day(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func (d day) String() string { return time.Unix(int64(d)*86400, 0).UTC().Format(time.DateOnly) }

func parseDay(s string) (day, error) {
	t, err := time.Parse(time.DateOnly, s)
	return day(t.Unix() / 86400), err
}

// destroyed stands in the epoch file where a key was.
const destroyed = "destroyed"

// epochs keeps the keys of the days in a file, a line for each day: the day
// and its key encrypted under the key file's key, or the word destroyed.
type epochs struct {
	path  string
	kek   cipher.AEAD
	known atomic.Pointer[map[day]cipher.AEAD] // nil: destroyed. Never changed, only replaced.
	mu    sync.Mutex                          // held while the file is read or written
}

func openEpochs(path string, kek cipher.AEAD) (*epochs, error) {
	e := &epochs{path: path, kek: kek}
	lines, err := e.read()
	if err != nil {
		return nil, err
	}
	return e, e.learn(lines)
}

// use returns the key of a day to seal with, and makes it where there is
// none: it is on the disk before it is used.
func (e *epochs) use(d day) (cipher.AEAD, error) {
	if key := (*e.known.Load())[d]; key != nil {
		return key, nil
	}
	err := e.change(func(lines map[day]string) {
		if lines[d] == "" {
			key := make([]byte, sm4.BlockSize)
			random(key)
			lines[d] = hex.EncodeToString(lock(e.kek, nil, key, epochBound(d)))
			clear(key)
		}
	})
	if err != nil {
		return nil, err
	}
	return e.find(d)
}

// find returns the key of a day to open with.
func (e *epochs) find(d day) (cipher.AEAD, error) {
	key, found := (*e.known.Load())[d]
	if !found { // another process may have made it
		if err := e.reload(); err != nil {
			return nil, err
		}
		key, found = (*e.known.Load())[d]
	}
	switch {
	case !found:
		return nil, ErrSealed
	case key == nil:
		return nil, ErrDestroyed
	}
	return key, nil
}

func (e *epochs) destroy(d day) error {
	return e.change(func(lines map[day]string) { lines[d] = destroyed })
}

func (e *epochs) reload() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	lines, err := e.read()
	if err != nil {
		return err
	}
	return e.learn(lines)
}

// change alters the file. Another process that changes it at the same time
// waits; the file is the old one or the new one, whatever happens.
func (e *epochs) change(alter func(map[day]string)) (err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	release, err := takeTurn(e.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	lines, err := e.read()
	if err != nil {
		return err
	}
	alter(lines)
	if err := e.write(lines); err != nil {
		return err
	}
	return e.learn(lines)
}

// learn decrypts what the lines hold.
func (e *epochs) learn(lines map[day]string) error {
	known := make(map[day]cipher.AEAD, len(lines))
	for d, line := range lines {
		if line == destroyed {
			known[d] = nil
			continue
		}
		sealed, err := hex.DecodeString(line)
		if err != nil || len(sealed) != wrappedSize {
			return fmt.Errorf("%s: the key of %v is malformed", e.path, d)
		}
		key, err := unlock(e.kek, sealed, epochBound(d))
		if err != nil {
			return fmt.Errorf("%s: the key of %v is not of this key file", e.path, d)
		}
		known[d] = gcm(key)
		clear(key)
	}
	e.known.Store(&known)
	return nil
}

// read returns the lines of the file; there are none where there is no file.
func (e *epochs) read() (map[day]string, error) {
	text, err := os.ReadFile(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[day]string{}, nil
	} else if err != nil {
		return nil, err
	}
	lines := map[day]string{}
	for n, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		name, key, _ := strings.Cut(line, " ")
		d, err := parseDay(name)
		if err != nil || key == "" || lines[d] != "" {
			return nil, fmt.Errorf("%s:%d: want a day, a space and its key, each day once", e.path, n+1)
		}
		lines[d] = key
	}
	return lines, nil
}

func (e *epochs) write(lines map[day]string) error {
	var text strings.Builder
	for _, d := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&text, "%v %s\n", d, lines[d])
	}
	return replaceFile(e.path, []byte(text.String()))
}

func epochBound(d day) []byte {
	return binary.BigEndian.AppendUint32([]byte("kaqiao vault epoch "), uint32(d))
}
