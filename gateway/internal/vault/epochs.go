package vault

import (
	"crypto/cipher"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emmansun/gmsm/sm4"

	"kaqiao/gateway/internal/crash"
	"kaqiao/gateway/internal/ownfile"
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

// wrapped is the key of a day as it lies in the file.
type wrapped struct {
	kek string // the id of the key that it is encrypted under; empty: destroyed
	key string // hexadecimal
}

// epochs keeps the keys of the days in a file, a line for each day: the day,
// the id of a key-encryption key and the day's key encrypted under it, or the
// word destroyed. In a line without an id it is the first of them.
type epochs struct {
	path  string
	keys  func() (*keks, error)               // as they stand now
	log   *slog.Logger                        // may be nil
	known atomic.Pointer[map[day]cipher.AEAD] // nil: destroyed. Never changed, only replaced.
	mu    sync.Mutex                          // held while the file is read or written
	set   *keks                               // as they were read last
}

func openEpochs(path string, keys func() (*keks, error), log *slog.Logger) (*epochs, error) {
	set, err := keys()
	if err != nil {
		return nil, err
	}
	e := &epochs{path: path, keys: keys, log: log, set: set}
	days, err := readEpochs(e.path)
	if err != nil {
		return nil, err
	}
	return e, e.learn(days)
}

// use returns the key of a day to seal with, and makes it where there is
// none: it is on the disk before it is used.
func (e *epochs) use(d day) (cipher.AEAD, error) {
	if key := (*e.known.Load())[d]; key != nil {
		return key, nil
	}
	err := e.change(func(days map[day]wrapped) bool {
		if _, found := days[d]; found {
			return false
		}
		key := make([]byte, sm4.BlockSize)
		random(key)
		days[d] = e.wrap(d, key)
		clear(key)
		return true
	})
	if err != nil {
		return nil, err
	}
	crash.Here(crash.VaultKeyed, "")
	return e.find(d)
}

// sealing returns the key to seal with, and its day: that of today, unless it
// was destroyed by a clock that ran ahead and has been set back since. Then the newest of the later days' does.
func (e *epochs) sealing(today day) (day, cipher.AEAD, error) {
	key, err := e.use(today)
	if !errors.Is(err, ErrDestroyed) {
		return today, key, err
	}
	live := e.live()
	if len(live) == 0 || live[len(live)-1] < today {
		return today, nil, err
	}
	newest := live[len(live)-1]
	key, err = e.find(newest)
	return newest, key, err
}

// wrap encrypts the key of a day under the active key-encryption key.
func (e *epochs) wrap(d day, key []byte) wrapped {
	return wrapped{e.set.active, hex.EncodeToString(lock(e.set.opens[e.set.active], nil, key, epochBound(d)))}
}

// unwrap decrypts the key of a day.
func (e *epochs) unwrap(d day, w wrapped) ([]byte, error) {
	kek := e.set.opens[w.kek]
	if kek == nil {
		return nil, fmt.Errorf("%s: the key of %v is encrypted under key %s, which is not there", e.path, d, w.kek)
	}
	sealed, err := hex.DecodeString(w.key)
	if err != nil || len(sealed) != wrappedSize {
		return nil, fmt.Errorf("%s: the key of %v is malformed", e.path, d)
	}
	key, err := unlock(kek, sealed, epochBound(d))
	if err != nil {
		return nil, fmt.Errorf("%s: the key of %v is not of this key file", e.path, d)
	}
	return key, nil
}

// rewrap encrypts the keys of all days under the active key-encryption key,
// and returns of how many that was.
func (e *epochs) rewrap() (n int, err error) {
	var failed error
	err = e.change(func(days map[day]wrapped) bool {
		for d, w := range days {
			if w.kek == "" || w.kek == e.set.active {
				continue
			}
			key, err := e.unwrap(d, w)
			if err != nil {
				n, failed = 0, err
				return false
			}
			days[d] = e.wrap(d, key)
			clear(key)
			n++
		}
		return n > 0
	})
	return n, errors.Join(err, failed)
}

// live are the days whose keys are there, in order.
func (e *epochs) live() []day {
	var out []day
	for d, key := range *e.known.Load() {
		if key != nil {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return out
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

func (e *epochs) destroy(gone ...day) error {
	return e.change(func(days map[day]wrapped) bool {
		for _, d := range gone {
			days[d] = wrapped{}
		}
		return true
	})
}

func (e *epochs) reload() error {
	return e.change(func(map[day]wrapped) bool { return false })
}

// change alters the file, where alter says that it has. Another process that
// changes it, or a key-encryption key, at the same time waits; the file is the
// old one or the new one, whatever happens.
func (e *epochs) change(alter func(map[day]wrapped) bool) (err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	release, err := ownfile.Turn(e.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	days, err := readEpochs(e.path)
	if err != nil {
		return err
	}
	set, err := e.keys()
	if err == nil {
		err = set.suffice(days)
	}
	if err == nil {
		e.set = set
	} else if e.log != nil { // what was known before still seals and opens
		e.log.Error("the vault's keys could not be read again: those known before stay in use", "error", err)
	}
	if alter(days) {
		if err := writeEpochs(e.path, days); err != nil {
			return err
		}
	}
	return e.learn(days)
}

// suffice tells which key is missing.
func (k *keks) suffice(days map[day]wrapped) error {
	for d, w := range days {
		if w.kek != "" && k.opens[w.kek] == nil {
			return fmt.Errorf("key %s, under which the key of %v is encrypted, is not there", w.kek, d)
		}
	}
	return nil
}

// learn decrypts what the file holds.
func (e *epochs) learn(days map[day]wrapped) error {
	known := make(map[day]cipher.AEAD, len(days))
	for d, w := range days {
		if w.kek == "" {
			known[d] = nil
			continue
		}
		key, err := e.unwrap(d, w)
		if err != nil {
			return err
		}
		known[d] = gcm(key)
		clear(key)
	}
	e.known.Store(&known)
	return nil
}

// readEpochs returns what the file holds; that is nothing where there is no file.
func readEpochs(path string) (map[day]wrapped, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if errors.Is(err, fs.ErrNotExist) {
		return map[day]wrapped{}, nil
	} else if err != nil {
		return nil, err
	}
	days := map[day]wrapped{}
	for n, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		words := strings.Split(line, " ")
		d, err := parseDay(words[0])
		_, twice := days[d]
		switch {
		case err != nil || twice || len(words) < 2 || len(words) > 3 || slices.Contains(words, ""):
			return nil, fmt.Errorf("%s:%d: want a day, a key's id and the day's key under it, each day once", path, n+1)
		case len(words) == 3:
			days[d] = wrapped{words[1], words[2]}
		case words[1] == destroyed:
			days[d] = wrapped{}
		default:
			days[d] = wrapped{firstKEK, words[1]}
		}
	}
	return days, nil
}

func writeEpochs(path string, days map[day]wrapped) error {
	var text strings.Builder
	for _, d := range slices.Sorted(maps.Keys(days)) {
		if w := days[d]; w.kek == "" {
			fmt.Fprintf(&text, "%v %s\n", d, destroyed)
		} else {
			fmt.Fprintf(&text, "%v %s %s\n", d, w.kek, w.key)
		}
	}
	return ownfile.Replace(path, []byte(text.String()))
}

func epochBound(d day) []byte {
	return binary.BigEndian.AppendUint32([]byte("kaqiao vault epoch "), uint32(d))
}
