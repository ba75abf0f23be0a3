package app

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"kaqiao/gateway/client"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// A caller with an endpoint is told of its binding once it is made, under a
// running gateway that knew of no endpoint when it began; a replay says the
// same bytes again, after a restart too.
func TestCallersAreTold(t *testing.T) {
	type request struct {
		header http.Header
		body   []byte
	}
	told := make(chan request, 16)
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- request{r.Header, body}
	}))
	defer receiver.Close()
	next := func() request {
		t.Helper()
		select {
		case r := <-told:
			return r
		case <-time.After(20 * time.Second):
			t.Fatal("nobody was told anything")
			return request{}
		}
	}

	c := config(t)
	h, url := newHub(t, &c)
	h.spoil = func(w http.ResponseWriter, _ *epcc.Sign, _ wire.Frame) { _, _ = io.WriteString(w, "<nonsense") } // found out later
	c.Endpoints = map[string]string{"nucc": url}
	c.WebhookTLS = &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS12}
	c.WebhookTLS.RootCAs.AddCert(receiver.Certificate())
	a, stop := start(t, c)
	cl := caller(t, a, c)
	h.bind(t, cl, "u_1") // before there is an endpoint: nobody is told
	if page, err := cl.Events(t.Context(), client.ListEventsParams{}); err != nil || len(page.Events) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	if _, err := AddWebhook(c.Data, WebhookWish{Caller: "nobody", URL: receiver.URL, Dev: true}, time.Now()); err == nil {
		t.Error("a caller that is none has an endpoint")
	}
	key, err := AddWebhook(c.Data, WebhookWish{Caller: devCaller, URL: receiver.URL, Dev: true}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h.bind(t, cl, "u_2")
	first := next()
	if err := client.VerifyWebhook(first.header, first.body, []string{key.Reveal()}, time.Now()); err != nil {
		t.Error(err)
	}
	var event client.Event
	if err := json.Unmarshal(first.body, &event); err != nil || event.Type != "binding.active" || event.Data.UserID != "u_2" || event.Data.State != client.BindingStateActive {
		t.Errorf("%s, %v", first.body, err)
	}
	stop()

	a, _ = start(t, c)
	cl = caller(t, a, c)
	if out, err := cl.Replay(t.Context(), client.ReplayRequest{Since: time.Now().Add(-time.Hour)}); err != nil || out.Replayed != 1 {
		t.Errorf("%+v, %v", out, err)
	}
	again := next()
	if again.header.Get("Webhook-Id") != first.header.Get("Webhook-Id") || string(again.body) != string(first.body) {
		t.Errorf("%s after %s", again.body, first.body)
	}
	noSecretOnDisk(t, c.Data)
}
