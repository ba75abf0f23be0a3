package farm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"kaqiao/mockbanks/internal/ledger"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
)

// Limits of what banks say unasked.
const (
	maxNotices    = 1000
	noticeTries   = 3
	noticeTimeout = 5 * time.Second
)

// notice is one message on its way to the gateway.
type notice struct {
	url         string
	contentType string
	frame       wire.Frame
}

// notices brings them there as well as it can: three tries, in their order, and
// none is kept over a restart. A gateway finds out by query as well.
type notices struct {
	queue  chan notice
	client *http.Client
	pause  time.Duration // before the second try, doubled before each further one
	now    func() time.Time
	serial atomic.Uint64
	log    *slog.Logger
}

func newNotices(now func() time.Time, log *slog.Logger) *notices {
	return &notices{
		queue: make(chan notice, maxNotices), pause: 500 * time.Millisecond, now: now, log: log,
		client: &http.Client{
			Timeout:       noticeTimeout,
			Transport:     &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// errNoNotice says that a notice was not even queued.
var errNoNotice = errors.New("no notice is sent")

// ended queues a bank's word that it has ended an agreement.
func (n *notices) ended(f *Farm, b *bank, a ledger.Agreement) error {
	c := b.channel()
	if c == nil {
		return fmt.Errorf("%w: the bank has no channel here", errNoNotice)
	}
	speaker, ok := c.teller.(teller.Notifier)
	url, given := f.cfg.Callbacks[c.profile.ID]
	if !given {
		url = "http://127.0.0.1:8081/callbacks/" + c.profile.ID
	}
	if !ok || url == "" {
		return fmt.Errorf("%w: the channel takes none", errNoNotice)
	}
	frame, _, err := speaker.Unsigned(teller.Ended{
		Member: b.member(c.profile.ID), Agreement: a, Serial: n.next(),
	})
	if err != nil {
		return err
	}
	select {
	case n.queue <- notice{url: url, contentType: c.contentType, frame: frame}:
		return nil
	default:
		return fmt.Errorf("%w: %d are waiting already", errNoNotice, maxNotices)
	}
}

// next is a number of 16 digits that never comes again: the microsecond, or the next one not yet given.
func (n *notices) next() uint64 {
	for {
		last := n.serial.Load()
		next := max(last+1, uint64(n.now().UnixMicro()))
		if n.serial.CompareAndSwap(last, next) {
			return next
		}
	}
}

func (n *notices) run(ctx context.Context) error {
	defer n.client.CloseIdleConnections()
	for {
		select {
		case <-ctx.Done():
			return nil
		case one := <-n.queue:
			n.bring(ctx, one)
		}
	}
}

func (n *notices) bring(ctx context.Context, one notice) {
	pause := n.pause
	for try := 1; ; try++ {
		err := n.post(ctx, one)
		if err == nil {
			return
		}
		if try == noticeTries || !wait(ctx, pause) {
			n.log.Warn("a bank's notice did not arrive", "url", one.url, "tries", try, "error", err)
			return
		}
		pause *= 2
	}
}

func (n *notices) post(ctx context.Context, one notice) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, one.url, bytes.NewReader(one.frame.Body))
	if err != nil {
		return err
	}
	for _, line := range one.frame.Headers {
		r.Header.Add(line.Name, line.Value)
	}
	r.Header.Set("Content-Type", one.contentType)
	answer, err := n.client.Do(r)
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
