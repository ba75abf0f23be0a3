package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/gateway/app"
	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
	"kaqiao/loadtest/load"
)

// lane is a gateway of its own that is killed again and again, and a bank that
// nobody else uses, on one farm with the other lanes.
type lane struct {
	protocol, bank string
	deaf           bool // its bank's notices go to another lane of the same hub
	farm           *control.Farm
	farmURL        string
	http           *http.Client
	gateway        *process
	folder, data   string // what test and gateway share, and what it keeps
	keyFile        string
	told           *ear
	people         []control.Customer
	used           []control.Customer
	codes          map[string]bool
}

// killable is the gateway that ends at points.
var killable = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "kaqiao-e2e-killable-")
	if err != nil {
		return "", err
	}
	leftovers = append(leftovers, dir)
	out, err := exec.Command("go", "build", "-tags", "crashpoints", "-o", dir, "kaqiao/gateway").CombinedOutput()
	if err != nil {
		err = &buildError{err, out}
	}
	return filepath.Join(dir, "gateway"), err
})

type laneBank struct{ bank, channel, protocol string }

// laneBanks are the banks of the lanes. Lanes of one hub share its notices' address, so only the first of them hears any.
var laneBanks = []laneBank{
	{"abc", "nucc", "epcc"}, {"bob", "bob", "iso8583"}, {"hsbc", "hsbc", "jws"},
	{"ccb", "nucc", "epcc"}, {"bosc", "bosc", "iso8583"}, {"bea", "bea", "jws"},
	{"bocom", "nucc", "epcc"}, {"nbcb", "nbcb", "iso8583"},
	{"boc", "nucc", "epcc"}, {"jsbank", "jsbank", "iso8583"}, {"scb", "scb", "jws"},
	{"hangseng", "hangseng", "jws"},
}

// jwsAsked is how often a bank whose people think about it is asked before it is left alone.
const jwsAsked = 3

// startLanes runs the farm and prepares the gateways of these banks.
func startLanes(t *testing.T, banks ...laneBank) []*lane {
	t.Helper()
	binary, err := killable()
	if err != nil {
		t.Fatal(err)
	}
	env := elsewhere(t)
	var lanes []*lane
	var callbacks []string
	c := &http.Client{Timeout: 2 * patience, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	t.Cleanup(c.CloseIdleConnections)
	for i, b := range banks {
		l := &lane{protocol: b.protocol, bank: b.bank, http: c, folder: t.TempDir(), told: listenForEvents(t), codes: map[string]bool{}}
		l.gateway = newProcess(t, "gateway", "/readyz", append(endpointsOf(env, b), "KAQIAO_CRASH_FOLDER="+l.folder))
		l.gateway.binary, l.gateway.url = binary, "http://"+freeAddress(t)
		l.gateway.ready = l.gateway.url + "/readyz"
		l.data, l.keyFile = filepath.Join(l.gateway.dir, "data"), filepath.Join(l.gateway.dir, "caller.key")
		callback := freeAddress(t)
		if l.deaf = b.channel == "nucc" && i > 0; !l.deaf {
			callbacks = append(callbacks, b.channel+"=http://"+callback+"/callbacks/"+b.channel)
		}
		l.gateway.args = []string{
			"serve", "--dev", "--keys", keys(t), "--data", l.data, "--profiles", onDisk(t, laneProfiles(t, b)),
			"--listen", l.gateway.address(), "--callbacks", callback, "--dev-caller-key", l.keyFile,
		}
		lanes = append(lanes, l)
	}
	farm := newProcess(t, "mockbanks", "/healthz", endpointsOf(env, banks...))
	farm.args = []string{"serve", "--keys", keys(t), "--data", farm.dir, "--profiles", onDisk(t, laneProfiles(t, banks...)), "--control", farm.address(), "--callback", strings.Join(callbacks, ",")}
	farm.start(t)
	for _, l := range lanes {
		l.farm, l.farmURL = control.New(farm.url, c), farm.url
	}
	return lanes
}

// endpointsOf is the environment with no channels but those of these banks: one that is not there has no endpoint.
func endpointsOf(env []string, banks ...laneBank) []string {
	return slices.DeleteFunc(slices.Clone(env), func(line string) bool {
		return strings.HasPrefix(line, "KAQIAO_CHANNELS_") && !slices.ContainsFunc(banks, func(b laneBank) bool {
			return strings.HasPrefix(line, "KAQIAO_CHANNELS_"+strings.ToUpper(b.channel)+"_")
		})
	})
}

// laneProfiles are those of some banks alone, so that a start is cheap and
// each line has one gateway: a key that one has made voids those of others.
// A bank that is asked what its people think is left alone after three answers.
func laneProfiles(t *testing.T, banks ...laneBank) fstest.MapFS {
	t.Helper()
	files := quickProfiles(t, quickAnswer)
	for name, file := range files {
		bank, isBank := strings.CutPrefix(name, "banks/")
		i := slices.IndexFunc(banks, func(b laneBank) bool { return b.bank+".yaml" == bank })
		switch {
		case isBank && i < 0 && !strings.HasPrefix(bank, "_"):
			delete(files, name)
		case isBank && i >= 0:
			// One line: of two that open together one may have a key made while the other carries a request under the last.
			file.Data = bytes.ReplaceAll(file.Data, []byte("lines: 2"), []byte("lines: 1"))
			if banks[i].protocol == "jws" {
				file.Data = bytes.ReplaceAll(file.Data, []byte("after: [50ms, 100ms, 200ms]"), []byte("after: [200ms, 100ms, 100ms, 1h]"))
			}
		}
	}
	return files
}

// start starts a lane's gateway for the first time, and gives its caller somewhere to be told.
func (l *lane) start(t *testing.T) {
	t.Helper()
	l.gateway.start(t)
	secret, err := app.AddWebhook(l.data, app.WebhookWish{Caller: "dev", URL: l.told.url, Dev: true}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	l.told.secret = secret.Reveal()
	cursor := ""
	for {
		page, next, err := l.farm.Customers(t.Context(), l.bank, "debit", cursor, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page {
			if load.InGBK(c.Name.Reveal()) {
				l.people = append(l.people, c)
			}
		}
		if cursor = next; cursor == "" {
			break
		}
	}
}

// subject is a customer whom nobody has used.
func (l *lane) subject(t *testing.T) *subject {
	t.Helper()
	if len(l.people) == 0 {
		t.Fatal("the bank has no customers left")
	}
	c := l.people[0]
	l.people, l.used = l.people[1:], append(l.used, c)
	return &subject{customer: c}
}

// arm says where the gateway is to end next; nothing: nowhere. What it has passed is forgotten.
// What a request still passes whose answer is there already is waited for.
func (l *lane) arm(t *testing.T, point string) {
	t.Helper()
	eventually(t, "what was answered is over", func(context.Context) bool {
		raw := l.raw(t)
		select {
		case <-l.gateway.gone:
			return true
		default:
			return strings.Count(raw, "api.answering") == strings.Count(raw, "api.answered")
		}
	})
	at, passed := filepath.Join(l.folder, "at"), filepath.Join(l.folder, "passed")
	if err := errors.Join(os.WriteFile(at+".new", []byte(""), 0o600), os.Rename(at+".new", at), os.WriteFile(passed, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(at+".new", []byte(point), 0o600), os.Rename(at+".new", at)); err != nil {
		t.Fatal(err)
	}
}

// passed are the points that the gateway has passed since it was armed; those of questions about the state are left out.
func (l *lane) passed(t *testing.T) (lines []string) {
	t.Helper()
	for line := range strings.Lines(l.raw(t)) {
		if line = strings.TrimSpace(line); !strings.HasSuffix(line, " GET") {
			lines = append(lines, line)
		}
	}
	return lines
}

func (l *lane) raw(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(l.folder, "passed"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(raw)
}

// reply is an answer as it came.
type reply struct {
	status int
	body   string
}

func (r reply) id() string {
	var made struct{ ID string }
	_ = json.Unmarshal([]byte(r.body), &made) // a problem has none
	return made.ID
}

// learn takes the binding's id from an answer.
func (s *subject) learn(r reply) {
	if s.id == "" && strings.HasPrefix(r.id(), "bnd_") {
		s.id = r.id()
	}
}

// send sends a subject's request once.
func (l *lane) send(ctx context.Context, s *subject) (reply, error) {
	c := s.request
	req, err := http.NewRequestWithContext(ctx, c.method, l.gateway.url+c.path, strings.NewReader(c.body))
	if err != nil {
		return reply{}, err
	}
	key, err := os.ReadFile(l.keyFile)
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Idempotency-Key", c.key)
	}
	res, err := l.http.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, string(body)}, err
}

// ear is a caller's webhook. It keeps what it was told, binding by binding.
type ear struct {
	url, secret string
	mu          sync.Mutex
	by          map[string][]event
	wrong       []string
}

type event struct{ id, what, body string }

func listenForEvents(t *testing.T) *ear {
	t.Helper()
	e := &ear{by: map[string][]event{}}
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	e.url = s.URL
	return e
}

func (e *ear) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever was telling it has died
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := client.VerifyWebhook(r.Header, body, []string{e.secret}, time.Now()); err != nil {
		e.wrong = append(e.wrong, err.Error())
	}
	var in struct {
		Type string
		Data struct{ ID string }
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Data.ID == "" {
		e.wrong = append(e.wrong, "an event that can't be read")
	}
	e.by[in.Data.ID] = append(e.by[in.Data.ID], event{r.Header.Get("Webhook-Id"), in.Type, string(body)})
}

// of are the events of a binding, and what was wrong with any.
func (e *ear) of(id string) (events []event, wrong []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.by[id]), slices.Clone(e.wrong)
}
