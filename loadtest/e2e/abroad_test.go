package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"kaqiao/gateway/app"
	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
	"kaqiao/mockbanks/farm"
	"kaqiao/profiles"
)

// A bank of its own for these tests, so that they hold whatever ships.
const abroadYAML = `
id: abroad
name: {zh: 海外银行, en: Abroad Bank}
tier: foreign
bins: [{prefix: "999999", length: 16, type: debit}]
routes:
  - member: ABRDCNSH
    direct:
      protocol: jws
      endpoint:
        url: https://127.0.0.1:9199/open/v3
        tls:
          ca: file:abroad/tls/ca.crt
          client_cert: file:abroad/tls/client.crt
          client_key: file:abroad/tls/client.key
          server_cert: file:abroad/tls/server.crt
          server_key: file:abroad/tls/server.key
      options: {payload: %s}
      keys:
        - {serial: gw1, owner: gateway, use: sign, algorithm: rsa, private: "file:abroad/gateway.key", public: "file:abroad/gateway.pub"}
        - {serial: bk1, owner: bank, use: sign, algorithm: rsa, private: "file:abroad/bank.key", public: "file:abroad/bank.pub"}
      resolve: {after: [%s], visible_after: 0s, not_found_times: 1}
challenge: {kinds: [email, phone], resend_after: 0s, approve_within: 24h}
accounts: {classes: [I, II]}
money: {single_fen: 5000000}
answers: {to: 2s}
mock: {people: 20}
`

// startAbroad runs a farm and a gateway with one foreign bank. Polls come
// every so often; where the bank does not call, they alone tell.
func startAbroad(t *testing.T, payload, poll string, calls bool) *pair {
	t.Helper()
	files := quickProfiles(t, quickAnswer)
	for name := range files {
		if strings.HasPrefix(name, "banks/") {
			delete(files, name)
		}
	}
	files["banks/abroad.yaml"] = &fstest.MapFile{Data: fmt.Appendf(nil, abroadYAML, payload, poll), Mode: 0o600}
	set, err := profiles.Load(files, profiles.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p := &pair{world: &world{files: files, set: set, keys: t.TempDir(), callbacks: freeAddress(t)}, gatewayDir: t.TempDir(), logs: &logBuffer{}}
	if err := farm.MakeKeys(p.keys, set, time.Now); err != nil {
		t.Fatal(err)
	}
	listen, callbacks := map[string]string{}, map[string]string{}
	for _, c := range set.Channels {
		listen[c.ID], callbacks[c.ID] = "127.0.0.1:0", ""
		if calls {
			callbacks[c.ID] = "http://" + p.callbacks + "/callbacks/" + c.ID
		}
	}
	p.farm, err = farm.New(farm.Config{
		Set: set, KeyDir: p.keys, DataDir: t.TempDir(), Seed: 1, Control: "127.0.0.1:0", Listen: listen, Callbacks: callbacks, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	live(t, "farm", p.farm.Run, p.farm.Ready())
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	p.http = &http.Client{Transport: transport, Timeout: time.Minute}
	p.farmURL = p.farm.ControlURL()
	p.control = control.New(p.farmURL, p.http)

	cfg := app.Defaults()
	cfg.Listen, cfg.Callbacks, cfg.Set, cfg.Keys, cfg.Data = "127.0.0.1:0", p.callbacks, set, p.keys, p.gatewayDir
	cfg.Dev, cfg.DevCallerKey = true, filepath.Join(t.TempDir(), "caller.key")
	cfg.Endpoints = map[string]string{"abroad": "https://" + p.farm.Address("abroad") + "/open/v3"}
	cfg.Log = slog.New(slog.NewTextHandler(p.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	gateway, err := app.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.stopGateway = live(t, "gateway", gateway.Run, gateway.Ready())
	p.url = gateway.URL()
	key, err := os.ReadFile(cfg.DevCallerKey)
	if err != nil {
		t.Fatal(err)
	}
	p.key = strings.TrimSpace(string(key))
	p.client, err = client.New(p.url, p.key, client.WithRetries(0), client.WithHTTP(p.http))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reviewed begins a binding and has the bank's people say yes or no.
func (p *pair) reviewed(t *testing.T, approve bool) client.Answer {
	t.Helper()
	c := p.customers(t, "abroad", "debit", 1)[0]
	a, err := p.client.Create(t.Context(), request(c), client.NewKey())
	if err != nil || a.State != "awaiting_approval" {
		t.Fatalf("created as %s, %v\n%s", a.State, err, p.logs.bytes())
	}
	messages, err := p.control.Inbox(t.Context(), "abroad", c.Email, "", patience)
	if err != nil || len(messages) == 0 {
		t.Fatalf("no message reached the customer: %v", err)
	}
	if err := p.control.Decide(t.Context(), "abroad", messages[0].ID, approve); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what the bank's people said has arrived", func(ctx context.Context) bool {
		a, err = p.client.Get(ctx, a.ID)
		return err == nil && a.State != "awaiting_approval"
	})
	return a
}

// Both forms of the signature, told by a notice alone or by polling alone; a
// mandate that is ended from either side has ended on both.
func TestABindingThatPeopleApprove(t *testing.T) {
	for _, c := range []struct {
		payload, poll string
		calls         bool
	}{{"base64url", "1h", true}, {"raw", "100ms", false}} {
		t.Run(c.payload, func(t *testing.T) {
			p := startAbroad(t, c.payload, c.poll, c.calls)
			a := p.reviewed(t, true)
			if a.State != "active" || a.Agreement.Number == "" {
				t.Fatalf("approved, and the binding is %s", a.State)
			}
			if a, err := p.client.Revoke(t.Context(), a.ID, ""); err != nil || a.State != "revoked" {
				t.Errorf("revoked by us: %s, %v", a.State, err)
			}
			if b := p.reviewed(t, false); b.State != "failed" {
				t.Errorf("denied, and the binding is %s", b.State)
			}
			if !c.calls {
				return
			}
			b := p.reviewed(t, true)
			if text, status := p.raw(t, http.MethodPost, p.farmURL+"/banks/abroad/agreements/"+b.Agreement.Number+"/revoke", "", nil); status >= 300 {
				t.Fatalf("status %d %s", status, text)
			}
			eventually(t, "the gateway has heard that the bank ended it", func(ctx context.Context) bool {
				got, err := p.client.Get(ctx, b.ID)
				return err == nil && got.State == "revoked"
			})
			p.mustAgree(t)
		})
	}
}
