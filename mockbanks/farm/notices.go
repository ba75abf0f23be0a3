package farm

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kaqiao/mockbanks/internal/behave"
	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
)

// Limits of what banks say unasked.
const (
	maxNotices    = 1000 // on their way at once
	noticeTimeout = 5 * time.Second
	noticeLife    = 24 * time.Hour // from the first try
)

// noticePauses are those before the second try, the third, and so on; the last repeats.
func noticePauses() []time.Duration {
	return []time.Duration{
		500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 15 * time.Second,
		time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
	}
}

// notice is one word of a bank on its way to the gateway.
type notice struct {
	bank        *bank
	client      *http.Client
	url         string
	contentType string
	// say makes the word anew: each delivery has a time and a seal of its own.
	say   func() (wire.Frame, wire.Message, error)
	fault string // of behaviour: lost_notice, duplicate_notice or none
	taken func() // after the gateway has taken it; nil: nothing to do
	about string // the case: of naming; empty: it is about none
}

// notices brings them there: each by itself, so that one that is not taken
// holds up no other, again and again until the gateway says 2xx or a day is
// over. What became of a case is remembered over a restart, the rest is not. A
// gateway finds out by query as well.
type notices struct {
	farm   *Farm
	pauses []time.Duration
	serial atomic.Uint64
	log    *slog.Logger

	mu      sync.Mutex
	ctx     context.Context // nil: not running yet
	stopped bool
	waiting []notice                 // until it runs
	awaited map[string]chan struct{} // closed after the first try
	places  chan struct{}
	under   sync.WaitGroup
}

func newNotices(f *Farm) *notices {
	return &notices{
		farm: f, pauses: noticePauses(), log: f.log, places: make(chan struct{}, maxNotices),
		awaited: make(map[string]chan struct{}),
	}
}

// noticeClient brings notices, and shows a certificate where the channel's profile has one for them.
func noticeClient(shown *tls.Config) *http.Client {
	return &http.Client{
		Timeout:       noticeTimeout,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, TLSClientConfig: shown},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// errNoNotice says that a notice was not even queued.
var errNoNotice = errors.New("no notice is sent")

// ended queues a bank's word that it has ended an agreement.
func (n *notices) ended(b *bank, a ledger.Agreement) error {
	c, url := n.way(b, "")
	if c == nil {
		return fmt.Errorf("%w: the bank has no channel here that takes one", errNoNotice)
	}
	speaker, ok := c.teller.(teller.Notifier)
	if !ok {
		return fmt.Errorf("%w: the protocol has none", errNoNotice)
	}
	ended := teller.Ended{Member: b.member(c.profile.ID), Agreement: a, Serial: n.next()}
	if _, _, err := speaker.Unsigned(ended); err != nil {
		return err
	}
	return n.queue(notice{
		bank: b, client: c.toGateway, url: url, contentType: c.contentType, fault: n.fault(b, "unsign", a.Number),
		say: func() (wire.Frame, wire.Message, error) { return speaker.Unsigned(ended) },
	})
}

// decided queues a bank's word on the end of a case, where the protocol of the
// channel over which it was asked has one. It does not wait.
func (n *notices) decided(b *bank, c ledger.Case) {
	over, url := n.way(b, c.Channel)
	if over == nil {
		n.tried(naming(c.Request))
		return
	}
	speaker, ok := over.teller.(teller.Reporter)
	if !ok {
		n.tried(naming(c.Request))
		return
	}
	decision := teller.Decision{Member: b.member(over.profile.ID), Case: c, Serial: n.next()}
	err := n.queue(notice{
		bank: b, client: over.toGateway, url: url, contentType: over.contentType, about: naming(c.Request), fault: n.fault(b, "apply", c.Number),
		say:   func() (wire.Frame, wire.Message, error) { return speaker.Decided(decision) },
		taken: func() { n.told(b, c.Request) },
	})
	if err != nil {
		n.tried(naming(c.Request))
		n.log.Warn("a bank decided and could not say so", "bank", b.profile.ID, "error", err)
	}
}

// told notes that the gateway knows.
func (n *notices) told(b *bank, r ledger.Request) {
	books, err := b.books()
	if err == nil {
		err = books.Told(context.Background(), r)
	}
	if err != nil {
		n.log.Warn("a bank will say again what the gateway knows", "bank", b.profile.ID, "error", err)
	}
}

// way is the channel of a bank with this id (empty: the one it prefers) and where its notices go; nil: nowhere.
func (n *notices) way(b *bank, id string) (*channel, string) {
	c := b.channel()
	if id != "" {
		c = n.farm.channels[id]
	}
	if c == nil {
		return nil, ""
	}
	url, given := n.farm.cfg.Callbacks[c.profile.ID]
	if !given {
		url = "http://127.0.0.1:8081/callbacks/" + c.profile.ID
		if c.profile.Notices.TLS != nil {
			url = "https" + strings.TrimPrefix(url, "http")
		}
	}
	if url == "" {
		return nil, ""
	}
	return c, url
}

// fault is what befalls a notice about what the subject stands for.
func (n *notices) fault(b *bank, operation, subject string) string {
	card := n.farm.cards.Of(subject)
	key := behave.Key{Card: card, Ordinal: n.farm.ordinals.Next("notice "+operation, card)}
	return b.behaviour.NoticeFault(operation, key)
}

// next is a number of 16 digits that never comes again: the microsecond, or the next one not yet given.
func (n *notices) next() uint64 {
	for {
		last := n.serial.Load()
		next := max(last+1, uint64(n.farm.now().UnixMicro()))
		if n.serial.CompareAndSwap(last, next) {
			return next
		}
	}
}

// queue takes a notice on its way, or keeps it until the farm runs.
func (n *notices) queue(one notice) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case n.places <- struct{}{}:
	default:
		return fmt.Errorf("%w: %d are on their way already", errNoNotice, maxNotices)
	}
	if n.ctx == nil {
		n.waiting = append(n.waiting, one)
		return nil
	}
	n.depart(one)
	return nil
}

// depart is called with the lock held.
func (n *notices) depart(one notice) {
	if n.stopped {
		<-n.places
		return
	}
	ctx := n.ctx
	n.under.Go(func() {
		defer func() { <-n.places }()
		n.bring(ctx, one)
	})
}

func (n *notices) run(ctx context.Context) error {
	n.mu.Lock()
	n.ctx = ctx
	for _, one := range n.waiting {
		n.depart(one)
	}
	n.waiting = nil
	n.mu.Unlock()
	<-ctx.Done()
	n.mu.Lock()   // nothing departs after this
	n.mu.Unlock() //nolint:staticcheck // an empty section: whoever was inside has left
	n.under.Wait()
	for _, c := range n.farm.hubs {
		c.toGateway.CloseIdleConnections()
	}
	return nil
}

func (n *notices) bring(ctx context.Context, one notice) {
	if one.fault == "lost_notice" {
		n.tried(one.about)
		if one.taken != nil {
			one.taken() // the bank believes that it has said so
		}
		return
	}
	began := n.farm.now()
	for try := 0; ; try++ {
		err := n.post(ctx, one)
		n.tried(one.about)
		if err == nil {
			break
		}
		if n.farm.now().Sub(began) > noticeLife || !wait(ctx, n.pauses[min(try, len(n.pauses)-1)]) {
			n.log.Warn("a bank's notice did not arrive", "url", one.url, "tries", try+1, "error", err)
			return
		}
	}
	if one.fault == "duplicate_notice" {
		if err := n.post(ctx, one); err != nil {
			n.log.Info("the gateway did not take a notice twice", "url", one.url, "error", err)
		}
	}
	if one.taken != nil {
		one.taken()
	}
}

// naming is a case's request by what is the same for everybody who speaks of it.
func naming(r ledger.Request) string { return r.Channel + " " + r.Number }

// await returns what is closed when the notice about a case has been tried once.
func (n *notices) await(about string) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.awaited[about] == nil {
		n.awaited[about] = make(chan struct{})
	}
	return n.awaited[about]
}

func (n *notices) tried(about string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.awaited[about]; c != nil {
		close(c)
		delete(n.awaited, about)
	}
}

func (n *notices) post(ctx context.Context, one notice) error {
	frame, _, err := one.say()
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, one.url, bytes.NewReader(frame.Body))
	if err != nil {
		return err
	}
	for _, line := range frame.Headers {
		r.Header.Add(line.Name, line.Value)
	}
	r.Header.Set("Content-Type", one.contentType)
	answer, err := one.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("the gateway answered %d", answer.StatusCode)
	}
	return nil
}
