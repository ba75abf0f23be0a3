package vault_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kaqiao/gateway/internal/vault"
)

func TestKeyFile(t *testing.T) {
	path := keyFile(t)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if err := vault.CreateKeyFile(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("made again: got %v, want %v", err, fs.ErrExist)
	}
	open(t, path, &clock{noon})
	digits := strings.Repeat("5e", 32)
	for name, c := range map[string]struct {
		text string
		mode fs.FileMode
	}{
		"open to others": {digits, 0o644},
		"open to group":  {digits, 0o640},
		"too short":      {digits[2:], 0o600},
		"too long":       {digits + "5e", 0o600},
		"not digits":     {"x" + digits[1:], 0o600},
		"empty":          {"", 0o600},
	} {
		bad := filepath.Join(t.TempDir(), "bad.key")
		if err := os.WriteFile(bad, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(bad, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := vault.Open(vault.Config{KeyFile: bad, Now: (&clock{noon}).now})
		if err == nil {
			t.Errorf("%s: it was taken", name)
		} else if strings.Contains(err.Error(), "5e5e") {
			t.Errorf("%s: the error quotes the key: %v", name, err)
		}
	}
	if _, err := vault.Open(vault.Config{KeyFile: filepath.Join(t.TempDir(), "none"), Now: (&clock{noon}).now}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: got %v", err)
	}
	if _, err := vault.Open(vault.Config{KeyFile: path}); err == nil {
		t.Error("no clock: it was taken")
	}
}

func TestEpochFile(t *testing.T) {
	path := keyFile(t)
	v := open(t, path, &clock{noon})
	if _, err := v.Seal("bnd_1", person, account); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path + ".epochs")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path + ".epochs"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	line := strings.TrimSuffix(string(whole), "\n")
	for name, text := range map[string]string{
		"cut":           line[:len(line)-2],
		"another day":   strings.Replace(line, "2026-03-02", "2026-03-03", 1),
		"a day twice":   line + "\n" + line + "\n",
		"no key":        "2026-03-02\n",
		"no day":        "yesterday " + line[11:],
		"not digits":    "2026-03-02 xyz\n",
		"tampered with": line[:len(line)-1] + map[bool]string{true: "1", false: "0"}[strings.HasSuffix(line, "0")],
	} {
		if err := os.WriteFile(path+".epochs", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := vault.Open(vault.Config{KeyFile: path, Now: (&clock{noon}).now}); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	// What an interrupted write leaves beside the file is nobody's business.
	if err := os.WriteFile(path+".epochs.new-123", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".epochs", whole, 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, path, &clock{noon})
}
