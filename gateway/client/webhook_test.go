package client_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"testing"
	"time"

	"kaqiao/gateway/client"
)

// The vectors are those of other people's libraries.
func TestVerifyWebhookAsOthersDo(t *testing.T) {
	raw, err := os.ReadFile("testdata/standard_webhooks.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			ID    string
			Input struct {
				Secret, Body string
				Headers      map[string]string
				Now          int64
			}
			Expected struct{ Valid bool }
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Cases) < 9 {
		t.Fatalf("%d cases, %v", len(file.Cases), err)
	}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			h := http.Header{}
			for name, value := range c.Input.Headers {
				h.Set(name, value)
			}
			verify := func(now int64, secrets ...string) error {
				return client.VerifyWebhook(h, []byte(c.Input.Body), secrets, time.Unix(now, 0))
			}
			other := "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx"
			err := verify(c.Input.Now, other, c.Input.Secret)
			if (err == nil) != c.Expected.Valid || err != nil && !errors.Is(err, client.ErrWebhook) {
				t.Errorf("valid %v, said %v", c.Expected.Valid, err)
			}
			if verify(c.Input.Now, other) == nil || verify(c.Input.Now) == nil {
				t.Error("it is taken without its secret")
			}
			if verify(c.Input.Now+302, c.Input.Secret) == nil || verify(c.Input.Now-302, c.Input.Secret) == nil {
				t.Error("it is taken at another time")
			}
			if err := verify(c.Input.Now, "MfKQ"); err == nil {
				t.Error("a secret that is none is taken")
			}
		})
	}
}
