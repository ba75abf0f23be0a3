package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// desk is a gateway before a hub that can be held, and callers of flesh and blood.
type desk struct {
	*testing.T
	app  *App
	hub  *hub
	key  string
	came chan chan struct{} // each exchange hands over what it waits for; nil channel of channels: none waits
	hold bool
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, came: make(chan chan struct{}, 16)}
	c := config(t)
	d.hub, _ = newHub(t, &c)
	d.hub.spoil = func(w http.ResponseWriter, _ *epcc.Sign, f wire.Frame) { write(w, f) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.hub.mu.Lock()
		hold := d.hold
		d.hub.mu.Unlock()
		if hold {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			release := make(chan struct{})
			d.came <- release
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		d.hub.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	bank := c.Set.Bank("abc")
	bank.Challenge.ResendAfter = profiles.Duration(time.Millisecond)
	bank.Timeouts.Apply, bank.Timeouts.Confirm = profiles.Duration(20*time.Second), profiles.Duration(20*time.Second)
	bank.Limits.InFlight, bank.Limits.Queue = 1, 4
	c.Endpoints = map[string]string{"nucc": server.URL}
	d.app, _ = start(t, c)
	key, err := os.ReadFile(c.DevCallerKey)
	if err != nil {
		t.Fatal(err)
	}
	d.key = strings.TrimSpace(string(key))
	return d
}

// held makes the hub wait, or not any more.
func (d *desk) held(yes bool) {
	d.hub.mu.Lock()
	defer d.hub.mu.Unlock()
	d.hold = yes
}

// arrival waits until the hub has been asked; what it returns lets it go on.
func (d *desk) arrival() chan struct{} {
	d.Helper()
	patience := time.NewTimer(20 * time.Second)
	defer patience.Stop()
	select {
	case release := <-d.came:
		return release
	case <-patience.C:
		d.Fatal("the hub was not asked")
		return nil
	}
}

// wish is one request that changes something.
type wish struct{ method, path, body, key string }

func (d *desk) text(w wish) string {
	key := ""
	if w.key != "" {
		key = "\r\nIdempotency-Key: " + strings.ReplaceAll(w.key, " ", "_")
	}
	return w.method + " " + w.path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + d.key + key +
		"\r\nContent-Type: application/json\r\nContent-Length: " + itoa(len(w.body)) + "\r\n\r\n" + w.body
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// say sends so much of a request over a connection of its own.
func (d *desk) say(text string) net.Conn {
	d.Helper()
	c, err := net.Dial("tcp", d.app.api.Addr().String())
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		d.Fatal(err)
	}
	return c
}

// ask sends a request and waits for its answer; while another with its key still runs, it asks again.
func (d *desk) ask(w wish) (status int, replayed bool, body string) {
	d.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(2 * time.Millisecond) {
		c := d.say(d.text(w))
		_ = c.SetDeadline(deadline)
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			d.Fatalf("%s %s: %v", w.method, w.path, err)
		}
		text, err := io.ReadAll(res.Body)
		_ = c.Close()
		if err != nil {
			d.Fatal(err)
		}
		if res.StatusCode != http.StatusConflict || time.Now().After(deadline) {
			return res.StatusCode, res.Header.Get("Idempotency-Replayed") == "true", string(text)
		}
	}
}

// hangUp closes a connection as a process that ends does: what comes is not read.
func hangUp(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

// quiet waits until nothing is under way any more, and wants nobody to be blamed.
func (d *desk) quiet() {
	d.Helper()
	var b client.Bank
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(2 * time.Millisecond) {
		_, _, text := d.ask(wish{"GET", "/v1/banks/abc", "", ""})
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			d.Fatalf("%v: %s", err, text)
		}
		// This question is a request under way itself.
		if b.Health.InFlight == 0 && b.Health.Waiting == 0 && d.app.server.InFlightNow() <= 1 {
			break
		}
		if time.Now().After(deadline) {
			d.Fatalf("%d in flight, %d wait, %d requests", b.Health.InFlight, b.Health.Waiting, d.app.server.InFlightNow())
		}
	}
	if b.Health.State != "healthy" {
		d.Errorf("the bank is %s", b.Health.State)
	}
	for _, o := range b.Health.Operations {
		if o.State != "closed" {
			d.Errorf("%s is %s", o.Operation, o.State)
		}
	}
}

func (d *desk) asked() (n int) {
	d.hub.mu.Lock()
	defer d.hub.mu.Unlock()
	for _, times := range d.hub.came {
		n += times
	}
	return n
}

// binding is a fresh one of this user, taken to a state.
func (d *desk) binding(user, state string) string {
	d.Helper()
	_, _, text := d.ask(d.create(user))
	var b client.Binding
	if err := json.Unmarshal([]byte(text), &b); err != nil || b.ID == "" {
		d.Fatalf("create: %v: %s", err, text)
	}
	if state == "active" {
		if status, _, text := d.ask(confirm(b.ID, "made "+user)); status != http.StatusOK {
			d.Fatalf("confirm: %d %s", status, text)
		}
	}
	return b.ID
}

func (d *desk) create(user string) wish {
	in := request()
	in.UserID = user
	body, err := json.Marshal(in)
	if err != nil {
		d.Fatal(err)
	}
	return wish{"POST", "/v1/bindings", string(body), "create " + user}
}

func confirm(id, key string) wish {
	return wish{"POST", "/v1/bindings/" + id + "/confirm", `{"code":"123456"}`, key}
}

// wishes are all that asks a bank, and what else changes something. asks is how often the bank hears of it.
func (d *desk) wishes(stage string) map[string]struct {
	wish
	asks, status int
} {
	d.Helper()
	u := func(route string) string { return "u_" + strings.ReplaceAll(stage+"_"+route, " ", "_") }
	at := "/v1/bindings/"
	return map[string]struct {
		wish
		asks, status int
	}{
		"create":        {d.create(u("create")), 1, 201},
		"challenge":     {wish{"POST", at + d.binding(u("challenge"), "") + "/challenge", "{}", "challenge " + stage}, 1, 200},
		"confirm":       {confirm(d.binding(u("confirm"), ""), "confirm "+stage), 1, 200},
		"cancel":        {wish{"POST", at + d.binding(u("cancel"), "") + "/cancel", "", "cancel " + stage}, 0, 200},
		"password-free": {wish{"PUT", at + d.binding(u("free"), "active") + "/password-free", `{"enabled":true,"limit":{"currency":"CNY","minor":20000}}`, "free " + stage}, 0, 200},
		"revoke":        {wish{"DELETE", at + d.binding(u("revoke"), "active"), "", "revoke " + stage}, 1, 200},
	}
}

// Before its body is whole, a request is nothing: nobody is asked, and the same key is free.
func TestHangUpBeforeTheBodyIsWhole(t *testing.T) {
	d := newDesk(t)
	for route, w := range d.wishes("half") {
		if w.body == "" {
			continue // it is whole with its headers
		}
		before := d.asked()
		text := d.text(w.wish)
		hangUp(d.say(text[:len(text)-len(w.body)/2-1]))
		d.quiet()
		if n := d.asked() - before; n != 0 {
			t.Errorf("%s: the bank was asked %d times", route, n)
		}
		if status, replayed, body := d.ask(w.wish); status != w.status || replayed {
			t.Errorf("%s: %d, replayed %v, %s", route, status, replayed, body)
		}
	}
}

// While the bank thinks, or as its answer is written: the exchange goes on, and
// whoever comes with the same key gets the answer, which is the only one.
func TestHangUpWhileTheBankThinks(t *testing.T) {
	for _, stage := range []string{"thinking", "answering"} {
		t.Run(stage, func(t *testing.T) {
			d := newDesk(t)
			for route, w := range d.wishes(stage) {
				before := d.asked()
				d.held(w.asks > 0)
				c := d.say(d.text(w.wish))
				if w.asks > 0 {
					release := d.arrival()
					if stage == "thinking" {
						hangUp(c)
						d.held(false)
						close(release)
					} else {
						d.held(false)
						close(release)
						hangUp(c)
					}
				} else {
					hangUp(c)
				}
				status, _, first := d.ask(w.wish)
				again, replayed, second := d.ask(w.wish)
				if status != w.status || again != status || first != second || !replayed {
					t.Errorf("%s: %d %s\nthen %d, replayed %v, %s", route, status, first, again, replayed, second)
				}
				if n := d.asked() - before; n != w.asks {
					t.Errorf("%s: the bank was asked %d times, want %d", route, n, w.asks)
				}
				d.quiet()
			}
		})
	}
}

// While it waits for its turn at the bank's gate, a request that nobody waits
// for leaves the queue: nothing was sent, and the same key is free.
func TestHangUpInTheQueue(t *testing.T) {
	d := newDesk(t)
	d.held(true)
	first := d.say(d.text(d.create("u_first")))
	release := d.arrival()
	waits := d.create("u_waits")
	c := d.say(d.text(waits))
	waiting := func(n int) {
		t.Helper()
		var b client.Bank
		for deadline := time.Now().Add(20 * time.Second); b.Health.Waiting != n || b.ID == ""; <-time.After(2 * time.Millisecond) {
			_, _, text := d.ask(wish{"GET", "/v1/banks/abc", "", ""})
			if err := json.Unmarshal([]byte(text), &b); err != nil || time.Now().After(deadline) {
				t.Fatalf("%d wait, want %d: %v", b.Health.Waiting, n, err)
			}
		}
	}
	waiting(1)
	hangUp(c)
	waiting(0)
	d.held(false)
	close(release)
	if res, err := http.ReadResponse(bufio.NewReader(first), nil); err != nil || res.StatusCode != http.StatusCreated {
		t.Errorf("the one before it: %v", err)
	} else {
		_ = res.Body.Close()
	}
	if n := d.asked(); n != 1 {
		t.Errorf("the bank was asked %d times", n)
	}
	if status, replayed, body := d.ask(waits); status != http.StatusCreated || replayed || d.asked() != 2 {
		t.Errorf("%d, replayed %v, %s", status, replayed, body)
	}
	d.quiet()
}
