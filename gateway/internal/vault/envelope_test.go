package vault_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles/wire/seal"
)

var monday = time.Date(2026, 3, 2, 2, 0, 0, 0, time.UTC)

// ring is a file of envelope keys and a clock that moves when told to.
type ring struct {
	*vault.Envelopes
	t    *testing.T
	file string
	log  *bytes.Buffer
	now  time.Time
}

func newRing(t *testing.T) *ring {
	t.Helper()
	r := &ring{t: t, file: filepath.Join(t.TempDir(), "envelope.keys"), log: &bytes.Buffer{}, now: monday}
	var err error
	r.Envelopes, err = vault.OpenEnvelopes(vault.EnvelopeConfig{
		File: r.file, Now: func() time.Time { return r.now }, Log: slog.New(slog.NewTextHandler(r.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *ring) add(overlap, lives time.Duration) vault.EnvelopeKey {
	r.t.Helper()
	k, err := vault.AddEnvelopeKey(r.file, r.now, overlap, lives)
	if err != nil {
		r.t.Fatal(err)
	}
	return k
}

// sealTo makes the envelope of a text as a caller does.
func sealTo(t testing.TB, k vault.EnvelopeKey, text string) string {
	t.Helper()
	public, err := seal.ParsePublic([]byte(k.Public))
	if err != nil {
		t.Fatal(err)
	}
	ciphertext, err := seal.EncryptSM2(rand.Reader, public.(*ecdsa.PublicKey), fmt.Appendf(nil, "%-32s", text))
	if err != nil {
		t.Fatal(err)
	}
	return "sm2:" + k.ID + ":" + base64.StdEncoding.EncodeToString(ciphertext)
}

func (r *ring) opens(envelope, want string) {
	r.t.Helper()
	if got, err := r.Open(envelope); err != nil || got != want {
		r.t.Errorf("opened %d characters, %v", len(got), err)
	}
}

func (r *ring) refuses(envelope string, want error) {
	r.t.Helper()
	if got, err := r.Open(envelope); !errors.Is(err, want) || got != "" {
		r.t.Errorf("got %v, want %v", err, want)
	}
}

// states are the published keys' ids and states.
func (r *ring) states() string {
	var all []string
	for _, k := range r.Published() {
		all = append(all, k.ID+" "+k.State)
	}
	return strings.Join(all, ", ")
}

// One key follows another under a running gateway: each command counts from the next look on.
func TestEnvelopeRotation(t *testing.T) {
	r := newRing(t)
	if r.states() != "" {
		t.Fatal("keys without a file")
	}
	first := r.add(0, 0)
	to1 := sealTo(t, first, "6228480402564890018")
	r.opens(to1, "6228480402564890018")
	if r.states() != first.ID+" active" || !r.Published()[0].NotAfter.IsZero() {
		t.Errorf("published %s", r.states())
	}

	r.now = r.now.Add(time.Hour)
	second := r.add(time.Hour, 0)
	to2 := sealTo(t, second, "123")
	if want := second.ID + " active, " + first.ID + " retiring"; r.states() != want {
		t.Errorf("published %s, want %s", r.states(), want)
	}
	r.opens(to1, "6228480402564890018") // the overlap
	r.opens(to2, "123")

	r.now = r.now.Add(time.Hour) // it is over
	r.refuses(to1, vault.ErrEnvelopeKey)
	if r.states() != second.ID+" active" {
		t.Errorf("published %s", r.states())
	}

	third := r.add(time.Hour, 24*time.Hour)
	if err := vault.RevokeEnvelopeKey(r.file, second.ID); err != nil {
		t.Fatal(err)
	}
	r.refuses(to2, vault.ErrEnvelopeKey)
	raw, err := os.ReadFile(r.file)
	if err != nil || strings.Count(string(raw), "PRIVATE KEY") != 4 { // two lines each of the first and the third; the second's is destroyed
		t.Errorf("%d lines of private keys, %v", strings.Count(string(raw), "PRIVATE KEY"), err)
	}
	to3 := sealTo(t, third, "11010519491231002X")
	r.opens(to3, "11010519491231002X")
	r.now = r.now.Add(24 * time.Hour) // it had its time
	r.refuses(to3, vault.ErrEnvelopeKey)

	all, err := vault.EnvelopeKeys(r.file)
	if err != nil || len(all) != 3 || all[0].ID != third.ID || all[1].State != vault.EnvelopeRevoked || all[1].Public != "" {
		t.Errorf("list %+v, %v", all, err)
	}
	if info, err := os.Stat(r.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestEnvelopeRetireAndRevoke(t *testing.T) {
	r := newRing(t)
	only := r.add(0, 0)
	refused := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	refused(vault.RetireEnvelopeKey(r.file, only.ID, r.now, time.Hour), "only active one")
	refused(vault.RetireEnvelopeKey(r.file, "env-none", r.now, time.Hour), "list")
	refused(vault.RevokeEnvelopeKey(r.file, "env-none"), "list")
	r.add(time.Hour, 0)
	// Retired again, a key lives no longer than was said before.
	if err := vault.RetireEnvelopeKey(r.file, only.ID, r.now, 24*time.Hour); err != nil {
		t.Error(err)
	}
	if until := r.Published()[1].NotAfter; !until.Equal(r.now.Add(time.Hour)) {
		t.Errorf("it opens until %v", until)
	}
	if err := vault.RevokeEnvelopeKey(r.file, only.ID); err != nil {
		t.Error(err)
	}
	refused(vault.RetireEnvelopeKey(r.file, only.ID, r.now, time.Hour), "revoked already")
	// Keys that open nothing make room in the end, and those that do are never dropped.
	for range 40 {
		r.add(0, 0)
	}
	if all, err := vault.EnvelopeKeys(r.file); err != nil || len(all) != 32 {
		t.Errorf("%d keys, %v", len(all), err)
	}
	for range 64 {
		if _, err := vault.AddEnvelopeKey(r.file, r.now, 24*time.Hour, 0); err != nil {
			refused(err, "revoke some")
			return
		}
	}
	t.Error("more than 64 keys that open were taken")
}

// What is no envelope of ours, or was changed on the way, opens nothing, and no error says more than that.
func TestEnvelopesThatDoNotOpen(t *testing.T) {
	r := newRing(t)
	k := r.add(0, 0)
	other, err := vault.AddEnvelopeKey(filepath.Join(t.TempDir(), "other"), r.now, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	good := sealTo(t, k, "123")
	head, text, _ := strings.Cut(good, k.ID+":")
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(raw)
	flipped[len(flipped)-1] ^= 1
	again := func(b []byte) string { return head + k.ID + ":" + base64.StdEncoding.EncodeToString(b) }
	for name, envelope := range map[string]string{
		"nothing": "", "prefix": "sm2:", "no key": "sm2::" + text, "no text": head + k.ID + ":", "another scheme": "rsa:" + k.ID + ":" + text,
		"capitals": "SM2:" + k.ID + ":" + text, "id with a dot": "sm2:a.b:" + text, "no base64": head + k.ID + ":***",
		"base64 without padding": strings.TrimRight(good, "=") + "A", "a line break": good[:len(good)-8] + "\n" + good[len(good)-8:],
		"cut short": again(raw[:len(raw)-1]), "something behind": again(append(bytes.Clone(raw), 0)), "changed": again(flipped),
		"no DER": again([]byte("123")), "too long": good + strings.Repeat("A", 512),
		"somebody else's ciphertext": strings.Replace(sealTo(t, other, "123"), other.ID, k.ID, 1),
		"a long text":                "sm2:" + k.ID + ":" + base64.StdEncoding.EncodeToString(longCiphertext(t, k)),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := r.Open(envelope)
			if !errors.Is(err, vault.ErrSealed) || got != "" || err.Error() != "vault: envelope: sealed data does not open" {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	r.refuses(sealTo(t, other, "123"), vault.ErrEnvelopeKey)
	r.opens(good, "123")
}

func longCiphertext(t *testing.T, k vault.EnvelopeKey) []byte {
	t.Helper()
	public, err := seal.ParsePublic([]byte(k.Public))
	if err != nil {
		t.Fatal(err)
	}
	out, err := seal.EncryptSM2(rand.Reader, public.(*ecdsa.PublicKey), bytes.Repeat([]byte("1"), 129))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A file that goes wrong while the gateway runs changes nothing, and is told once; at a start it is an error.
func TestDamagedEnvelopeFile(t *testing.T) {
	r := newRing(t)
	k := r.add(0, 0)
	envelope := sealTo(t, k, "123")
	good, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	r.opens(envelope, "123")
	for name, spoil := range map[string]func() error{
		"cut short":          func() error { return os.WriteFile(r.file, good[:len(good)/2], 0o600) },
		"readable by others": func() error { return os.Chmod(r.file, 0o644) },
		"gone":               func() error { return os.Remove(r.file) },
		"unknown state": func() error {
			return os.WriteFile(r.file, bytes.Replace(good, []byte("active"), []byte("asleep"), 1), 0o600)
		},
		"twice":        func() error { return os.WriteFile(r.file, append(bytes.Clone(good), good...), 0o600) },
		"unknown word": func() error { return os.WriteFile(r.file, append(bytes.Clone(good), "  colour: red\n"...), 0o600) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		r.log.Reset()
		r.opens(envelope, "123")
		r.opens(envelope, "123")
		if n := strings.Count(r.log.String(), "level=ERROR"); n != 1 || strings.Contains(r.log.String(), "PRIVATE") {
			t.Errorf("%s: told %d times: %s", name, n, r.log)
		}
		_, err := vault.OpenEnvelopes(vault.EnvelopeConfig{File: r.file, Now: time.Now})
		if (err == nil) != (name == "gone") || (err != nil && !strings.Contains(err.Error(), r.file)) {
			t.Errorf("%s: a start says %v", name, err)
		}
		_ = os.Remove(r.file)
		if err := os.WriteFile(r.file, good, 0o600); err != nil {
			t.Fatal(err)
		}
		r.opens(envelope, "123")
	}
}

// Commands at the same time lose no key, and those who open meanwhile notice nothing.
func TestEnvelopeKeysTogether(t *testing.T) {
	r := newRing(t)
	envelope := sealTo(t, r.add(0, 0), "123")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := vault.AddEnvelopeKey(r.file, monday, time.Hour, 0); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() { r.opens(envelope, "123") })
	}
	all.Wait()
	keys, err := vault.EnvelopeKeys(r.file)
	active := 0
	for _, k := range keys {
		if k.State == vault.EnvelopeActive {
			active++
		}
	}
	if err != nil || len(keys) != 9 || active != 1 {
		t.Errorf("%d keys, %d of them active, %v", len(keys), active, err)
	}
}

// An envelope that openssl made, as openapi.yaml tells people to, opens.
func TestEnvelopeOfOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatal("openssl is needed: it is the other party of this test")
	}
	r := newRing(t)
	k := r.add(0, 0)
	pem := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(pem, []byte(k.Public), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"6228480402564890018", "123", "11010519491231002X"} {
		for _, filled := range []string{text, fmt.Sprintf("%-32s", text)} {
			cmd := exec.CommandContext(t.Context(), openssl, "pkeyutl", "-encrypt", "-pubin", "-inkey", pem)
			cmd.Stdin = strings.NewReader(filled)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			r.opens("sm2:"+k.ID+":"+base64.StdEncoding.EncodeToString(out), text)
		}
	}
}

func FuzzEnvelope(f *testing.F) {
	file := filepath.Join(f.TempDir(), "envelope.keys")
	k, err := vault.AddEnvelopeKey(file, monday, 0, 0)
	if err != nil {
		f.Fatal(err)
	}
	envelopes, err := vault.OpenEnvelopes(vault.EnvelopeConfig{File: file, Now: func() time.Time { return monday }})
	if err != nil {
		f.Fatal(err)
	}
	good := sealTo(f, k, "6228480402564890018")
	for _, seed := range []string{good, "sm2:", "sm2:a:", "sm2:a:AAAA", good[:len(good)-4], good + "=", "sm2:" + k.ID + ":MIGM", ":::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, envelope string) {
		text, err := envelopes.Open(envelope)
		switch {
		case err == nil && envelope != good && !strings.HasPrefix(envelope, "sm2:"+k.ID+":"):
			t.Fatalf("%q was opened", envelope)
		case err == nil && text != strings.TrimRight(text, " "):
			t.Fatal("spaces were left")
		case err != nil && (text != "" || (!errors.Is(err, vault.ErrSealed) && !errors.Is(err, vault.ErrEnvelopeKey))):
			t.Fatalf("%q, %v", text, err)
		}
	})
}
