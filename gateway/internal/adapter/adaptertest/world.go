package adaptertest

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"kaqiao/gateway/internal/journal"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
)

// world is the banks with a gateway's side before each of them.
type world struct {
	*farm
	set       *profiles.Set
	store     journal.Store
	numbers   *journal.Numbers
	attempts  atomic.Int64 // in the journal
	turns     atomic.Int64 // of customers
	callbacks string

	mu    sync.Mutex
	sides map[string]*side // who hears what a channel says unasked
}

// newWorld starts banks for these subjects, n of each.
func newWorld(t testing.TB, n int, subjects ...Subject) *world {
	t.Helper()
	files, err := lanes(subjects, n)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{sides: map[string]*side{}}
	if w.set, err = profiles.Load(files, profiles.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	store, err := journal.Open(journal.Config{Path: filepath.Join(t.TempDir(), "journal.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close the journal: %v", err)
		}
	})
	w.store, w.numbers = store, &journal.Numbers{Store: store}
	w.listen(t)
	var channels []string
	for _, c := range w.set.Channels {
		channels = append(channels, c.ID)
	}
	w.farm = startFarm(t, files, channels, w.callbacks)
	return w
}

// listen takes what banks say unasked over HTTP.
func (w *world) listen(t testing.TB) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.callbacks = "http://" + l.Addr().String() + "/callbacks/"
	mux := http.NewServeMux()
	mux.HandleFunc("POST /callbacks/{channel}", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		s := w.sides[r.PathValue("channel")]
		w.mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if s == nil || err != nil {
			http.NotFound(rw, r)
			return
		}
		frame := wire.Frame{Method: r.Method, Body: body}
		for name, values := range r.Header {
			for _, v := range values {
				frame.Headers = append(frame.Headers, wire.Header{Name: name, Value: v})
			}
		}
		ack, err := s.banks.Load().Heard(r.Context(), s.id, frame, s.hear)
		if err != nil {
			http.Error(rw, "the notice was not taken", http.StatusBadRequest)
			return
		}
		for _, h := range ack.Headers {
			rw.Header().Set(h.Name, h.Value)
		}
		_, _ = rw.Write(ack.Body)
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
}
