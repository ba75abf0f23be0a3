package link_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"kaqiao/gateway/internal/link"
	"kaqiao/profiles/wire"
)

func itoa(n int) string { return strconv.Itoa(n) }

func TestExchange(t *testing.T) {
	var head http.Header
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head = r.Header
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/octet-stream") // whatever it says it is
		w.Header().Set("MsgTp", "epcc.102.001.01")
		_, _ = io.WriteString(w, "answer")
	}))
	defer server.Close()
	h := newLink(t, link.Config{URL: server.URL})
	answer, err := h.Exchange(t.Context(), frame)
	if err != nil {
		t.Fatal(err)
	}
	if string(answer.Body) != "answer" || answer.Header("MsgTp") != "epcc.102.001.01" {
		t.Errorf("answer: %s, %v", answer.Body, answer.Headers)
	}
	if string(body) != string(frame.Body) || head.Get("MsgTp") != "epcc.101.001.01" {
		t.Errorf("request: %s, %v", body, head)
	}
	for _, unasked := range []string{"User-Agent", "Accept-Encoding", "Cookie"} {
		if v := head.Get(unasked); v != "" {
			t.Errorf("the link says %s: %s", unasked, v)
		}
	}
}

// Names of headers travel as the codec has spelt them.
func TestHeaderSpelling(t *testing.T) {
	lines := make(chan string, 1)
	w := newWitness(t, func(_ *witness, c net.Conn) {
		text, _ := bufio.NewReader(io.LimitReader(c, 4096)).ReadString('>')
		lines <- text
		_, _ = io.WriteString(c, fine("ok"))
	})
	if _, err := newLink(t, link.Config{URL: w.url()}).Exchange(t.Context(), frame); err != nil {
		t.Fatal(err)
	}
	if text := <-lines; !strings.Contains(text, "\r\nMsgTp: epcc.101.001.01\r\n") {
		t.Errorf("header is not as it was given:\n%s", text)
	}
}

const card = "6228480402564890018" // what no error may quote

func TestWhatCameBack(t *testing.T) {
	chunk := func(n int) string { return fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("x", n)) }
	for name, c := range map[string]struct {
		play  script
		want  error // tested with errors.Is
		check func(error) bool
	}{
		"nothing":            {play: once(""), want: io.ErrUnexpectedEOF},
		"garbage":            {play: once("\x00\x01 " + card + "\r\n\r\n"), want: link.ErrMalformed},
		"a bad status":       {play: once("HTTP/1.1 " + card + " OK\r\n\r\n"), want: link.ErrMalformed},
		"a bad header":       {play: once("HTTP/1.1 200 OK\r\n" + card + "\r\n\r\n"), want: link.ErrMalformed},
		"a bad length":       {play: once("HTTP/1.1 200 OK\r\nContent-Length: " + card + card + "\r\n\r\n"), want: link.ErrMalformed},
		"bad chunks":         {play: once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + card + card + "\r\n"), want: link.ErrMalformed},
		"half the headers":   {play: once("HTTP/1.1 200 OK\r\nA: b\r\n"), want: io.ErrUnexpectedEOF},
		"half the body":      {play: once("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), want: io.ErrUnexpectedEOF},
		"half the chunks":    {play: once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(9)), want: io.ErrUnexpectedEOF},
		"too long":           {play: once(fine(strings.Repeat("x", 1025))), want: link.ErrTooLarge},
		"too long in chunks": {play: once("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(1000) + chunk(26) + "0\r\n\r\n"), want: link.ErrTooLarge},
		"endless headers":    {play: once("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 70<<10) + "\r\n\r\n"), want: link.ErrMalformed},
		"a redirect":         {play: once("HTTP/1.1 307 Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"), check: status(307)},
		"no content":         {play: once("HTTP/1.1 204 No Content\r\n\r\n"), check: status(204)},
		"trouble":            {play: answering("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"), check: status(500)},
		"busy":               {play: once("HTTP/1.1 503 Busy\r\n\r\nendless"), check: status(503)},
		"reset after headers": {want: syscall.ECONNRESET, play: func(w *witness, c net.Conn) {
			if _, err := w.take(bufio.NewReader(c)); err == nil {
				reset(c)
			}
		}},
		"reset in the body": {want: syscall.ECONNRESET, play: func(w *witness, c net.Conn) {
			_, _ = w.take(bufio.NewReader(c))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
			reset(c)
		}},
		"closed in the request": {play: func(_ *witness, c net.Conn) { _, _ = c.Read(make([]byte, 5)) },
			check: func(error) bool { return true }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWitness(t, c.play)
			_, err := newLink(t, link.Config{URL: w.url(), MaxAnswerBytes: 1024}).Exchange(t.Context(), frame)
			notSent(t, err, w, false)
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if c.check != nil && !c.check(err) {
				t.Errorf("got %v", err)
			}
			if w.requests.Load() > 1 || w.conns.Load() != 1 {
				t.Errorf("%d requests over %d connections reached the other side, want one", w.requests.Load(), w.conns.Load())
			}
		})
	}
}

func status(code int) func(error) bool {
	return func(err error) bool {
		var s *link.StatusError
		return errors.As(err, &s) && s.Code == code
	}
}

func TestAnswerOfTheGreatestLength(t *testing.T) {
	w := newWitness(t, answering(fine(strings.Repeat("x", 1024))))
	answer, err := newLink(t, link.Config{URL: w.url(), MaxAnswerBytes: 1024}).Exchange(t.Context(), frame)
	if err != nil || len(answer.Body) != 1024 {
		t.Errorf("%d bytes, %v", len(answer.Body), err)
	}
}

// In each of these, time runs out after the request has left.
func TestTimeRunsOutAfterSending(t *testing.T) {
	for name, play := range map[string]script{
		"no answer":       thenSilent(""),
		"half a header":   thenSilent("HTTP/1.1 200 OK\r\nConte"),
		"a dripping body": thenSilent("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nd"),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			late := errors.New("the time is over")
			w := newWitness(t, func(w *witness, c net.Conn) {
				play(w, cutter{c, func() { cancel(late) }})
			})
			_, err := newLink(t, link.Config{URL: w.url()}).Exchange(ctx, frame)
			notSent(t, err, w, false)
			if !errors.Is(err, late) {
				t.Errorf("got %v, want %v", err, late)
			}
		})
	}
}

// cutter calls then when its owner has said what it had to say.
type cutter struct {
	net.Conn
	then func()
}

func (c cutter) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.then()
	return n, err
}

func TestNotSent(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	silent := func(w *witness, c net.Conn) { _, _ = io.Copy(io.Discard, c.(counted).Conn) } // reads without counting
	for name, c := range map[string]struct {
		play  script
		cfg   link.Config
		ctx   context.Context
		frame wire.Frame
		want  error
	}{
		"nobody listens":       {want: syscall.ECONNREFUSED},
		"cancelled before":     {play: answering(fine("ok")), ctx: over, want: context.Canceled},
		"empty frame":          {play: answering(fine("ok")), frame: wire.Frame{Headers: frame.Headers}},
		"line break in header": {play: answering(fine("ok")), frame: wire.Frame{Headers: []wire.Header{{Name: "A", Value: "b\r\nC: " + card}}, Body: frame.Body}},
		"TLS: plain text":      {play: func(_ *witness, c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 No "+card+"\r\n\r\n") }, cfg: link.Config{TLS: &tls.Config{}}},
		"TLS: closed":          {play: func(*witness, net.Conn) {}, cfg: link.Config{TLS: &tls.Config{}}},
		"TLS: silence":         {play: silent, cfg: link.Config{TLS: &tls.Config{}, ConnectTimeout: 50 * time.Millisecond}, want: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			play := c.play
			if play == nil {
				play = silent
			}
			w := newWitness(t, play)
			if c.play == nil {
				w.close()
			}
			cfg, ctx, f := c.cfg, c.ctx, c.frame
			if cfg.URL = w.url(); cfg.TLS != nil {
				cfg.URL = strings.Replace(cfg.URL, "http:", "https:", 1)
			}
			if ctx == nil {
				ctx = t.Context()
			}
			if f.Headers == nil {
				f = frame
			}
			_, err := newLink(t, cfg).Exchange(ctx, f)
			notSent(t, err, w, true)
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	server.Config.ErrorLog = quiet()
	defer server.Close()
	trusting := server.Client().Transport.(*http.Transport).TLSClientConfig
	answer, err := newLink(t, link.Config{URL: server.URL, TLS: trusting}).Exchange(t.Context(), frame)
	if err != nil || string(answer.Body) != "HTTP/1.1" {
		t.Errorf("answer %q, %v", answer.Body, err)
	}
	for name, cfg := range map[string]*tls.Config{
		"unknown authority": {},
		"another name":      {RootCAs: trusting.RootCAs, ServerName: "other.bank"},
		"too old":           {RootCAs: trusting.RootCAs, MaxVersion: tls.VersionTLS10, MinVersion: tls.VersionTLS10},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newLink(t, link.Config{URL: server.URL, TLS: cfg}).Exchange(t.Context(), frame)
			notSent(t, err, nil, true)
		})
	}
}

// One request waits for the only connection until its time is over.
func TestNoConnectionFree(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	w := newWitness(t, func(w *witness, c net.Conn) {
		r := bufio.NewReader(c)
		_, _ = w.take(r)
		close(asked)
		<-release
		_, _ = io.WriteString(c, fine("ok"))
		_, _ = r.ReadByte()
	})
	h := newLink(t, link.Config{URL: w.url(), MaxConns: 1})
	first := make(chan error, 1)
	go func() {
		_, err := h.Exchange(context.Background(), frame)
		first <- err
	}()
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := h.Exchange(ctx, frame); !errors.Is(err, link.ErrNotSent) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if w.requests.Load() != 1 {
		t.Errorf("%d requests reached the other side, want 1", w.requests.Load())
	}
}

func TestConnectionsAreKept(t *testing.T) {
	w := newWitness(t, func(w *witness, c net.Conn) {
		r := bufio.NewReader(c)
		for n := 0; ; n++ {
			if _, err := w.take(r); err != nil {
				return
			}
			answer := fine("ok")
			if n%2 == 1 {
				answer = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
			}
			_, _ = io.WriteString(c, answer)
		}
	})
	h := newLink(t, link.Config{URL: w.url(), MaxConns: 8})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				_, err := h.Exchange(t.Context(), frame)
				if err != nil && !status(503)(err) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n := w.conns.Load(); n > 20 { // a few are lost where an answer overtakes the end of its request
		t.Errorf("%d connections for 400 requests of 8 callers", n)
	}
	if n := w.requests.Load(); n != 400 {
		t.Errorf("%d requests, want 400", n)
	}
}

func TestConfig(t *testing.T) {
	for name, cfg := range map[string]link.Config{
		"no URL":           {},
		"no host":          {URL: "http:///path"},
		"another scheme":   {URL: "ftp://host"},
		"a user":           {URL: "http://user:password@host"},
		"https bare":       {URL: "https://host"},
		"http with TLS":    {URL: "http://host", TLS: &tls.Config{}},
		"no conns":         {URL: "http://host", MaxConns: -1},
		"too many conns":   {URL: "http://host", MaxConns: 10_001},
		"no answer":        {URL: "http://host", MaxAnswerBytes: -1},
		"too long answers": {URL: "http://host", MaxAnswerBytes: 16<<20 + 1},
		"no time":          {URL: "http://host", ConnectTimeout: -1},
		"too much time":    {URL: "http://host", ConnectTimeout: 11 * time.Minute},
	} {
		if _, err := link.NewHTTP(cfg); err == nil {
			t.Errorf("%s: it was taken", name)
		} else if strings.Contains(err.Error(), "password@") {
			t.Errorf("%s: the error shows a password: %v", name, err)
		}
	}
}
