package e2e

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
)

// crowd is how many connections strangers open to the callers' listener, where the system lets each program open enough files: a hundred more than may be.
const crowd = 10_100

// Thousands of connections that are silent, drip their headers or their bodies,
// or are kept between two requests keep no caller from binding a card, no notice
// from being heard and no long line from its bank. They cost little, are shown
// out in time, and every place comes back.
func TestTenThousandConnections(t *testing.T) {
	strangers := room(t)
	limit := strangers * 100 / 101
	farm, gateway := startPrograms(t, "--max-connections", strconv.Itoa(limit), "--header-timeout", "6s", "--body-timeout", "6s", "--idle-timeout", "6s")
	p := overPrograms(t, farm, gateway)
	who := p.customers(t, "abc", "debit", 3)
	p.bind(t, "bob", p.customers(t, "bob", "debit", 1)[0]) // its lines are up
	bound := p.bind(t, "abc", who[0])
	began := time.Now()
	p.bind(t, "abc", who[1])
	usual, before := time.Since(began), gateway.resident(t)

	all := open(t, gateway.address(), strangers, func(n int, c *net.TCPConn) { _, _ = io.WriteString(c, stranger(n, p.key)) })
	inside := func(whose string) int { return gateway.figure(t, `kaqiao_connections_open{listener="`+whose+`"}`) }
	eventually(t, "the gateway holds as many as it may", func(context.Context) bool { return inside("callers") == limit })
	each := (gateway.resident(t) - before) / limit
	began = time.Now()
	p.bind(t, "abc", who[2])
	during := time.Since(began)
	t.Logf("callers' listener: %d KiB a connection of %d; a binding took %v, alone %v", each, limit, during, usual)
	if during > usual+2*time.Second || each > 64 {
		t.Errorf("a binding took %v, alone %v; a connection costs %d KiB", during, usual, each)
	}
	if shown := gateway.figure(t, `kaqiao_connections_evicted_total{listener="callers"}`); shown < strangers-limit {
		t.Errorf("%d were closed for others, of %d too many", shown, strangers-limit)
	}

	p.crowdOfBanks(t, gateway, bound.ID, bound.Agreement.Number)
	p.crowdOfLines(t, farm)
	if answer := firstLine(t, all[(strangers-4)/4*4+2]); !strings.HasPrefix(answer, "HTTP/1.1 408 ") {
		t.Errorf("a body that did not come was answered %q", answer)
	}
	eventually(t, "strangers are shown out", func(context.Context) bool { return inside("callers") < 20 && inside("banks") < 20 })
	p.mustAgree(t)
	gateway.stop(t)
	farm.stop(t)
}

// stranger is what the nth of them says.
func stranger(n int, key string) string {
	return [...]string{
		"", // silent
		"POST /v1/bindings HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"POST /v1/bindings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key + "\r\nIdempotency-Key: slow\r\nContent-Type: application/json\r\nContent-Length: 600\r\n\r\n{",
		"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
	}[n%4]
}

// crowdOfBanks fills the listener for banks, and wants a notice to be heard all the same.
func (p *pair) crowdOfBanks(t *testing.T, gateway *process, binding, agreement string) {
	t.Helper()
	const most = 1024
	before := gateway.resident(t)
	open(t, gateway.flag("--callbacks"), most*3/2, func(n int, c *net.TCPConn) {
		if n%2 == 0 {
			_, _ = io.WriteString(c, "POST /callbacks/nucc HTTP/1.1\r\nHost: x\r\n")
		}
	})
	eventually(t, "the banks' listener is full", func(context.Context) bool {
		return gateway.figure(t, `kaqiao_connections_open{listener="banks"}`) == most
	})
	t.Logf("banks' listener: %d KiB a connection", (gateway.resident(t)-before)/most)
	if text, status := p.raw(t, http.MethodPost, p.farmURL+"/banks/abc/agreements/"+agreement+"/revoke", "", nil); status >= 300 {
		t.Fatalf("status %d %s", status, text)
	}
	eventually(t, "the gateway has heard of it", func(ctx context.Context) bool {
		got, err := p.client.Get(ctx, binding)
		return err == nil && got.State == "revoked"
	})
}

// crowdOfLines fills a bank's port of long lines, and wants a card to be bound over the lines that are there.
func (p *pair) crowdOfLines(t *testing.T, farm *process) {
	t.Helper()
	const most = 4096 // as a profile without max_conns has it
	before := farm.resident(t)
	lines := open(t, farm.channel(t, "bob"), most+100, func(_ int, c *net.TCPConn) { _, _ = io.WriteString(c, "01") }) // half of a length
	var inside atomic.Int64
	var all sync.WaitGroup
	for _, c := range lines { // those that found no place were closed at once
		all.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
				inside.Add(1)
			}
		})
	}
	all.Wait()
	n := int(inside.Load())
	t.Logf("bob's port: %d of %d strangers inside, %d KiB each", n, len(lines), (farm.resident(t)-before)/max(1, n))
	if n >= most || n < most*9/10 {
		t.Errorf("%d strangers are inside beside the gateway's lines, the limit is %d", n, most)
	}
	p.bind(t, "bob", p.customers(t, "bob", "debit", 1)[0])
	shut(lines)
}

// room is how many connections one program can have beside its own files.
func room(t *testing.T) int {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	l.Cur = l.Max // Go has done so already where it could
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		t.Fatal(err)
	}
	files := int(min(l.Cur, 1<<20)) //nolint:gosec // it is bounded
	// The gateway keeps up to half for its banks, and a thousand for their notices.
	n := min(crowd, files-min(files/2, 8300)-1500)
	if n < 1000 {
		t.Fatalf("the system lets a program open %d files: raise the hard limit (ulimit -Hn) to 16,000 at least", files)
	}
	if n < crowd {
		t.Logf("only %d connections: the system lets a program open %d files", n, files)
	}
	return n
}

// open opens connections and says something over each.
func open(t *testing.T, address string, n int, say func(n int, c *net.TCPConn)) []*net.TCPConn {
	t.Helper()
	conns := make([]*net.TCPConn, n)
	var all sync.WaitGroup
	for worker := range 32 {
		all.Go(func() {
			for i := worker; i < n; i += 32 {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
				conns[i] = c.(*net.TCPConn)
				say(i, conns[i])
			}
		})
	}
	all.Wait()
	t.Cleanup(func() { shut(conns) })
	if t.Failed() {
		t.FailNow()
	}
	return conns
}

// shut closes them without leaving anything of them with the system.
func shut(conns []*net.TCPConn) {
	for _, c := range conns {
		if c != nil {
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}
}

// firstLine is the first line that comes over a connection.
func firstLine(t *testing.T, c *net.TCPConn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Errorf("no answer: %v", err)
	}
	return line
}

// overPrograms is what a test of a pair needs, over real programs.
func overPrograms(t *testing.T, farm, gateway *process) *pair {
	t.Helper()
	c := &http.Client{Timeout: patience, Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	wallet, err := client.New(gateway.url, gateway.key(t), client.WithRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(wallet.Close)
	return &pair{
		world: &world{farmURL: farm.url, control: control.New(farm.url, c), http: c},
		url:   gateway.url, key: gateway.key(t), client: wallet,
	}
}

// figure is one of the gateway's metrics.
func (p *process) figure(t *testing.T, name string) int {
	t.Helper()
	res, err := http.Get(p.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(f)
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// flag is the value that the program was given for a flag.
func (p *process) flag(name string) string {
	for i, arg := range p.args[:len(p.args)-1] {
		if arg == name {
			return p.args[i+1]
		}
	}
	return ""
}

// channel is where the farm listens for a channel.
func (p *process) channel(t *testing.T, id string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + id + `\s+(\S+)`).FindSubmatch(p.out.bytes())
	if m == nil {
		t.Fatalf("the farm does not say where %s is\n%s", id, p.out.bytes())
	}
	return string(m[1])
}
