package notify

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.yaml.in/yaml/v3"

	"kaqiao/gateway/internal/ownfile"
	"kaqiao/profiles/secret"
)

// Endpoint is where one caller is told of its events. A caller has at most one.
type Endpoint struct {
	Caller  string
	ID      string // another one whenever it is added again
	URL     string
	Allow   []netip.Prefix // networks that are not public and that it may lie in
	At      time.Time
	Secrets []Secret // newest first
	Gone    bool     // it has answered 410: nothing is posted to it until it is added again
}

// Secret is one of an endpoint's secrets. Its text is shown once, when it is made.
type Secret struct {
	ID    string
	Since time.Time
	Until time.Time // it signs until then; zero: until it is rotated
	key   secret.Key
}

// signing are the secrets that sign now.
func (e *Endpoint) signing(now time.Time) []secret.Key {
	var out []secret.Key
	for _, s := range e.Secrets {
		if s.Until.IsZero() || now.Before(s.Until) {
			out = append(out, s.key)
		}
	}
	return out
}

// Endpoints knows where callers are told. It looks at its file before each
// use, so that what a command changes counts at once, under a running gateway.
// It is safe for concurrent use.
//
// Which endpoints are gone stands in a file of its own, <file>.gone, that only
// the gateway writes: the commands' file is theirs.
type Endpoints struct {
	file  string
	log   *slog.Logger
	known atomic.Pointer[endpointSet] // never changed, only replaced

	mu   sync.Mutex // held while a file is read or written
	gone atomic.Pointer[[]string]
}

type endpointSet struct {
	file     fs.FileInfo // nil: there was none
	byCaller map[string]Endpoint
}

// OpenEndpoints reads the endpoints. Where there is no file, there are none. One
// that is damaged or readable by others is an error.
func OpenEndpoints(file string, log *slog.Logger) (*Endpoints, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Endpoints{file: file, log: log}
	set, err := readSet(file)
	if err != nil {
		return nil, fmt.Errorf("notify: endpoints: %w", err)
	}
	gone, err := readGone(file)
	if err != nil {
		return nil, fmt.Errorf("notify: endpoints: %w", err)
	}
	e.known.Store(set)
	e.gone.Store(&gone)
	return e, nil
}

// Has reports whether a caller is to be told of events: one that is gone as
// well, since its events are kept for when it comes back.
func (e *Endpoints) Has(caller string) bool {
	_, ok := e.current().byCaller[caller]
	return ok
}

// Of is a caller's endpoint.
func (e *Endpoints) Of(caller string) (Endpoint, bool) {
	out, ok := e.current().byCaller[caller]
	out.Gone = slices.Contains(*e.gone.Load(), out.ID)
	return out, ok
}

// disable keeps an endpoint from being posted to until it is added again.
func (e *Endpoints) disable(id string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := *e.gone.Load()
	if slices.Contains(old, id) {
		return nil
	}
	next := []string{id}
	for _, was := range old { // what has been added again meanwhile is forgotten
		for _, one := range e.known.Load().byCaller {
			if one.ID == was {
				next = append(next, was)
			}
		}
	}
	e.gone.Store(&next)
	text, err := yaml.Marshal(next)
	if err != nil {
		return fmt.Errorf("notify: endpoints: %w", err)
	}
	if err := ownfile.Replace(goneFile(e.file), text); err != nil {
		return fmt.Errorf("notify: endpoints: %w", err)
	}
	return nil
}

// current is the file as it stands now. One that can't be read any more
// changes nothing: what was known stays, and the log says so once.
func (e *Endpoints) current() *endpointSet {
	set := e.known.Load()
	if file, _ := os.Stat(e.file); sameFile(file, set.file) {
		return set
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	set = e.known.Load()
	file, _ := os.Stat(e.file)
	if sameFile(file, set.file) {
		return set
	}
	next, err := readSet(e.file)
	if err == nil && next.file == nil {
		err = errors.New("the file is gone")
	}
	if err != nil {
		e.log.Error("the webhooks could not be read again: those known before stay in use", "error", err)
		next = &endpointSet{file: file, byCaller: set.byCaller}
	} else {
		e.log.Info("the webhooks were read again", "endpoints", len(next.byCaller))
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

// readSet looks at the file before it reads it: what is put in its place
// meanwhile is read again next time.
func readSet(path string) (*endpointSet, error) {
	set := &endpointSet{byCaller: map[string]Endpoint{}}
	file, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return set, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := readRows(path)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		one, err := rows[i].endpoint()
		if _, twice := set.byCaller[one.Caller]; err == nil && twice {
			err = errors.New("its caller has another one")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: endpoint %d: %w", path, i+1, err)
		}
		set.byCaller[one.Caller] = one
	}
	set.file = file
	return set, nil
}

func goneFile(path string) string { return path + ".gone" }

func readGone(path string) ([]string, error) {
	text, err := ownfile.Read(goneFile(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var out []string
	if err == nil && yaml.Unmarshal(text, &out) != nil {
		err = fmt.Errorf("%s is damaged", goneFile(path))
	}
	return out, err
}
