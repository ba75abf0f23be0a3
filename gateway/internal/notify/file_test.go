package notify

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/profiles/secret"
)

func TestSignAsOthersDo(t *testing.T) {
	raw, err := os.ReadFile("../../client/testdata/standard_webhooks.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct {
			ID    string
			Input struct {
				Secret, Body string
				Headers      map[string]string
			}
			Expected struct{ Valid bool }
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range file.Cases {
		if !c.Expected.Valid {
			continue
		}
		n++
		seconds, _ := strconv.ParseInt(c.Input.Headers["webhook-timestamp"], 10, 64)
		got, err := sign(c.Input.Headers["webhook-id"], time.Unix(seconds, 0), []byte(c.Input.Body), []secret.Key{secret.NewKey(c.Input.Secret)})
		if err != nil || !strings.Contains(c.Input.Headers["webhook-signature"], got) {
			t.Errorf("%s: %s, %v", c.ID, got, err)
		}
	}
	if n < 3 {
		t.Errorf("only %d vectors", n)
	}
	for _, bad := range []string{"", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", newSecret().Reveal() + "A"} {
		if _, err := keyBytes(secret.NewKey(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestTheFileOfEndpoints(t *testing.T) {
	file := filepath.Join(t.TempDir(), "webhooks.yaml")
	add := func(caller string) error {
		_, err := Add(file, Endpoint{Caller: caller, URL: "https://wallet.example/"}, false, monday)
		return err
	}
	if list, err := List(file); err != nil || len(list) != 0 {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 { // as many commands at once
		all.Go(func() {
			if err := add("wallet-" + strconv.Itoa(i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list, err := List(file)
	if err != nil || len(list) != 8 {
		t.Fatalf("%d, %v", len(list), err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if Revoke(file, "wallet-0", list[0].Secrets[0].ID) == nil || Revoke(file, "wallet-0", "sec-none") == nil || Revoke(file, "nobody", "") == nil {
		t.Error("what can't be revoked was")
	}
	if err := Revoke(file, "wallet-0", ""); err != nil {
		t.Error(err)
	}
	if _, err := Rotate(file, "wallet-0", 0, monday); err == nil {
		t.Error("a caller without an endpoint has a secret")
	}
	for range maxSecrets - 1 {
		if _, err := Rotate(file, "wallet-1", time.Hour, monday); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Rotate(file, "wallet-1", time.Hour, monday); err == nil {
		t.Error("secrets without end")
	}
	e, err := OpenEndpoints(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	secretText, _ := os.ReadFile(file)
	if err := os.WriteFile(file, []byte("- caller: {whsec_x}\n  secret: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if !e.Has("wallet-1") || e.Has("wallet-0") {
		t.Error("a damaged file makes callers forgotten")
	}
	if _, err := OpenEndpoints(file, nil); err == nil || strings.Contains(err.Error(), "whsec_") {
		t.Errorf("a damaged file: %v", err)
	}
	if err := os.WriteFile(file, secretText, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenEndpoints(file, nil); err == nil || !strings.Contains(err.Error(), "0600") {
		t.Errorf("a file that others read: %v", err)
	}
}
