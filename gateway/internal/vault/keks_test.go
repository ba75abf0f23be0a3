package vault_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles/secret"
)

func config(path string, c *clock) vault.Config { return vault.Config{KeyFile: path, Now: c.now} }

func addKEK(t testing.TB, cfg vault.Config) vault.KEK {
	t.Helper()
	k, err := vault.AddKEK(cfg, noon)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func states(t testing.TB, cfg vault.Config) string {
	t.Helper()
	all, err := vault.KEKs(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, k := range all {
		out = append(out, k.State)
	}
	return strings.Join(out, " ")
}

// A rotation in all its steps: added, everything encrypted anew, the old one
// destroyed, while a vault is open; what was sealed before opens all along,
// and the hashes stay.
func TestKEKRotation(t *testing.T) {
	path, c := keyFile(t), &clock{noon}
	cfg := config(path, c)
	v := open(t, path, c)
	sealed, err := v.Seal("bnd_1", person, account)
	if err != nil {
		t.Fatal(err)
	}
	hash := string(v.CardHash(person.Card))
	opens := func() {
		t.Helper()
		for _, v := range []*vault.Vault{v, open(t, path, c)} {
			if _, _, err := v.Open("bnd_1", sealed.Data); err != nil {
				t.Fatalf("what was sealed before does not open: %v", err)
			}
			if string(v.CardHash(person.Card)) != hash {
				t.Fatal("the hash of a card is another one")
			}
			if v.CallerHash(secret.NewKey("x")) == nil {
				t.Fatal("no caller's hash")
			}
		}
	}
	if got := states(t, cfg); got != "active" {
		t.Fatalf("at first: %s", got)
	}
	if err := vault.DestroyKEK(cfg, "first"); err == nil || !strings.Contains(err.Error(), "active") {
		t.Fatalf("the active key: %v", err)
	}
	next := addKEK(t, cfg)
	opens()
	if got := states(t, cfg); got != "active retiring" {
		t.Fatalf("added: %s", got)
	}
	if err := vault.DestroyKEK(cfg, "first"); err == nil || !strings.Contains(err.Error(), "keys of 1 days") {
		t.Fatalf("a key that is needed: %v", err)
	}
	if n, err := vault.RewrapKEKs(cfg); err != nil || n != 1 {
		t.Fatalf("rewrap: %d, %v", n, err)
	}
	if n, err := vault.RewrapKEKs(cfg); err != nil || n != 0 {
		t.Fatalf("rewrap again: %d, %v", n, err)
	}
	opens()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // may be repeated
		if err := vault.DestroyKEK(cfg, "first"); err != nil {
			t.Fatal(err)
		}
	}
	opens()
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), strings.TrimSpace(string(before))) {
		t.Errorf("the key file still holds what the destroyed key is made of: %v", err)
	}
	// The open vault makes the key of a new day under the new key, by itself.
	c.at = c.at.AddDate(0, 0, 1)
	second, err := v.Seal("bnd_2", person, account)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := vault.KEKs(cfg); err != nil || all[0].ID != next.ID || all[0].Wraps != 2 || all[1].State != vault.KEKDestroyed {
		t.Errorf("%+v, %v", all, err)
	}
	if _, _, err := open(t, path, c).Open("bnd_2", second.Data); err != nil {
		t.Error(err)
	}
	if err := vault.DestroyKEK(cfg, "none"); err == nil {
		t.Error("a key that is not there was destroyed")
	}
	// And once more, to a third.
	third := addKEK(t, cfg)
	if _, err := vault.RewrapKEKs(cfg); err != nil {
		t.Fatal(err)
	}
	if err := vault.DestroyKEK(cfg, next.ID); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path + ".keks")
	if err != nil || strings.Count(string(text), "key: ") != 1 || !strings.Contains(string(text), third.ID) {
		t.Errorf("the file holds other keys than the active one: %v", err)
	}
	opens()
}

// A destruction of the first key that was interrupted between its two files is finished by the next.
func TestInterruptedDestruction(t *testing.T) {
	path, c := keyFile(t), &clock{noon}
	cfg := config(path, c)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	addKEK(t, cfg)
	if err := vault.DestroyKEK(cfg, "first"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil { // as if the second step had not been
		t.Fatal(err)
	}
	open(t, path, c)
	if err := vault.DestroyKEK(cfg, "first"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) == string(whole) {
		t.Errorf("the key file is as it was: %v", err)
	}
}

// Files that are damaged, readable by others or gone: a start is refused, and
// a vault that is open goes on with the keys it knows.
func TestDamagedKEKs(t *testing.T) {
	path, c := keyFile(t), &clock{noon}
	cfg := config(path, c)
	addKEK(t, cfg)
	v := open(t, path, c)
	sealed, err := v.Seal("bnd_1", person, account)
	if err != nil {
		t.Fatal(err)
	}
	file := path + ".keks"
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key := keyOf(string(good))
	for name, damage := range map[string]func() error{
		"no yaml":       func() error { return os.WriteFile(file, []byte("{"), 0o600) },
		"nothing in it": func() error { return os.WriteFile(file, nil, 0o600) },
		"cut short":     func() error { return os.WriteFile(file, good[:len(good)/2], 0o600) },
		"unknown field": func() error { return os.WriteFile(file, append([]byte("- secret: "+key+"\n"), good...), 0o600) },
		"two active": func() error {
			return os.WriteFile(file, []byte(strings.Replace(string(good), "retiring", "active", 1)), 0o600)
		},
		"none active": func() error {
			return os.WriteFile(file, []byte(strings.Replace(string(good), "active", "retiring", 1)), 0o600)
		},
		"another key": func() error {
			return os.WriteFile(file, []byte(strings.Replace(string(good), key, strings.Repeat("0", 32), 1)), 0o600)
		},
		"a short key":       func() error { return os.WriteFile(file, []byte(strings.Replace(string(good), key, key[2:], 1)), 0o600) },
		"readable by other": func() error { return os.Chmod(file, 0o644) },
		"gone":              func() error { return os.Remove(file) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			_, err := vault.Open(cfg)
			if err == nil {
				t.Error("a start was not refused")
			} else if strings.Contains(err.Error(), key) {
				t.Error("the error quotes a key")
			}
			if name != "another key" { // that one is found out when it is used
				c.at = c.at.AddDate(0, 0, 1)
				if _, err := v.Seal("bnd_2", person, account); err != nil {
					t.Errorf("the open vault seals no more: %v", err)
				}
			}
			if _, _, err := v.Open("bnd_1", sealed.Data); err != nil {
				t.Errorf("the open vault opens no more: %v", err)
			}
			if err := errors.Join(os.WriteFile(file, good, 0o600), os.Chmod(file, 0o600)); err != nil {
				t.Fatal(err)
			}
			open(t, path, c)
		})
	}
	for name, text := range map[string]string{"a key is missing": "card hash: " + strings.Repeat("0", 64) + "\n", "no digits": "card hash: x\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(cfg); err == nil {
			t.Errorf("key file, %s: taken", name)
		}
	}
	if _, err := vault.AddKEK(vault.Config{KeyFile: path + ".none"}, noon); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a key file: %v", err)
	}
}

func keyOf(text string) string {
	_, rest, _ := strings.Cut(text, "key: ")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Trim(line, `"`)
}

// Keys rotate while several vaults seal and open: nothing fails.
func TestKEKsRotateUnderLoad(t *testing.T) {
	path, c := keyFile(t), &clock{noon}
	cfg := config(path, c)
	vaults := []*vault.Vault{open(t, path, c), open(t, path, c)}
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, v := range vaults {
		for range 2 {
			all.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					sealed, err := v.Seal("bnd_1", person, account)
					if err != nil {
						t.Errorf("seal: %v", err)
						return
					}
					for _, v := range vaults {
						if _, _, err := v.Open("bnd_1", sealed.Data); err != nil {
							t.Errorf("open: %v", err)
							return
						}
					}
				}
			})
		}
	}
	old := "first"
	for range 8 {
		next := addKEK(t, cfg)
		fresh := open(t, path, c)
		if _, err := fresh.Seal("bnd_2", person, account); err != nil {
			t.Error(err)
		}
		if _, err := vault.RewrapKEKs(cfg); err != nil {
			t.Error(err)
		}
		if err := vault.DestroyKEK(cfg, old); err != nil {
			t.Error(err)
		}
		old = next.ID
	}
	close(stop)
	all.Wait()
}
