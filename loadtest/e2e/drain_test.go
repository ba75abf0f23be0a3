package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"kaqiao/gateway/client"
)

// A gateway is told to stop while a bank hangs over a confirm that it has
// carried out. Its caller is answered, what is unknown is on disk, and the
// next process finds it out and repeats the answer byte for byte.
func TestAStopCutsOffWhatHangs(t *testing.T) {
	farm, gateway := startPrograms(t)
	gateway.stop(t)
	farm.stop(t)
	for _, p := range []*process{farm, gateway} { // a bank that hangs for longer than anybody waits
		p.env = append(p.env, "KAQIAO_BANKS_ABC_MOCK_SILENT_FOR=30s", "KAQIAO_BANKS_ABC_TIMEOUTS_CONFIRM=8s")
	}
	gateway.args = append(gateway.args, "--drain", "1500ms")
	farm.start(t)
	gateway.start(t)
	c, books, wallet := visit(t, farm, gateway)
	who, _, err := books.Customers(t.Context(), "abc", "debit", "", 1)
	if err != nil || len(who) != 1 {
		t.Fatalf("%d customers, %v", len(who), err)
	}
	begun, err := wallet.Create(t.Context(), request(who[0]), client.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	inbox, err := books.Inbox(t.Context(), "abc", who[0].Mobile.Reveal(), "", patience)
	if err != nil || len(inbox) == 0 {
		t.Fatalf("%d messages, %v", len(inbox), err)
	}
	hangs := json.RawMessage(`{"faults":[{"kind":"no_reply_after_commit","operation":"confirm","share":1.0,"count":1,"for_s":60}]}`)
	if err := books.Behave(t.Context(), "abc", hangs); err != nil {
		t.Fatal(err)
	}
	confirm := func() (status int, body []byte, err error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gateway.url+"/v1/bindings/"+begun.ID+"/confirm",
			strings.NewReader(`{"code":"`+inbox[len(inbox)-1].Code.Reveal()+`"}`))
		if err != nil {
			return 0, nil, err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+gateway.key(t))
		req.Header.Set("Idempotency-Key", "confirm-over-a-stop")
		res, err := c.Do(req)
		if err != nil {
			return 0, nil, err
		}
		defer func() { _ = res.Body.Close() }()
		body, err = io.ReadAll(res.Body)
		return res.StatusCode, body, err
	}
	type given struct {
		status int
		body   []byte
		err    error
	}
	answered := make(chan given, 1)
	go func() {
		var g given
		g.status, g.body, g.err = confirm()
		answered <- g
	}()
	eventually(t, "the bank has signed", func(ctx context.Context) bool {
		list, _, err := books.Agreements(ctx, "abc", "", 10)
		return err == nil && len(list) == 1
	})
	at := time.Now()
	if err := gateway.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	first := <-answered
	if first.err != nil || first.status != http.StatusAccepted || !bytes.Contains(first.body, []byte(`"processing"`)) {
		t.Fatalf("the caller was told %d %s, %v", first.status, first.body, first.err)
	}
	<-gateway.gone
	if gateway.err != nil || time.Since(at) > 10*time.Second {
		t.Errorf("it ended after %v with %v", time.Since(at), gateway.err)
	}
	if log := gateway.out.bytes(); !bytes.Contains(log, []byte("an exchange was cut off")) || !bytes.Contains(log, []byte(begun.ID)) {
		t.Errorf("the log does not say what was left\n%s", log)
	}

	gateway.start(t)
	status, body, err := confirm()
	if err != nil || status != first.status || !bytes.Equal(body, first.body) {
		t.Errorf("the same key: %d %s, %v\nfirst %d %s", status, body, err, first.status, first.body)
	}
	mustAgree(t, wallet, books)
	if now, err := wallet.Get(t.Context(), begun.ID); err != nil || now.State != "active" {
		t.Errorf("found out: %s, %v", now.State, err)
	}
	gateway.stop(t)
	farm.stop(t)
}
