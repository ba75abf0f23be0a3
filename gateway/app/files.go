package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles/secret"
)

// The files in the data folder.
func (c *Config) journalFile() string { return filepath.Join(c.Data, "journal.db") }
func (c *Config) keyFile() string     { return filepath.Join(c.Data, "vault.key") }
func (c *Config) callersFile() string { return filepath.Join(c.Data, "callers.yaml") }

// devCaller is the caller that --dev makes.
const devCaller = "dev"

// openVault opens the vault; made says whether its key may be made now.
func (c *Config) openVault(make bool) (*vault.Vault, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if make {
		if err := vault.CreateKeyFile(c.keyFile()); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	v, err := vault.Open(vault.Config{KeyFile: c.keyFile(), Now: c.Now})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no vault key in %s: make one with `gateway keys init --data %s`: %w", c.keyFile(), c.Data, err)
	}
	return v, err
}

// devKey makes the development caller, unless its key is there and still good.
func (c *Config) devKey(hash hasher) error {
	raw, err := os.ReadFile(c.DevCallerKey)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("development caller: %w", err)
	}
	if err == nil {
		known, err := readCallers(c.callersFile(), hash)
		if err != nil {
			return err
		}
		if id, ok := known.Find(secret.NewKey(strings.TrimSpace(string(raw)))); ok && id == devCaller {
			return nil
		}
	}
	key, err := addCaller(c.callersFile(), devCaller, true, hash, c.Now())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.DevCallerKey), 0o700); err != nil {
		return fmt.Errorf("development caller: %w", err)
	}
	return replace(c.DevCallerKey, []byte(key.Reveal()+"\n"))
}

// InitKeys makes the vault's key in a data folder. The error wraps fs.ErrExist where there is one.
func InitKeys(data string) (path string, err error) {
	c := Config{Data: data}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	return c.keyFile(), vault.CreateKeyFile(c.keyFile())
}

// AddCaller makes a caller's key and keeps its hash. A caller of the same id
// loses its old key, and is an operator only if that is said again, when the gateway is started next.
func AddCaller(data, id string, operator bool, now func() time.Time) (secret.Key, error) {
	c := Config{Data: data, Now: now}
	v, err := c.openVault(false)
	if err != nil {
		return secret.Key{}, err
	}
	return addCaller(c.callersFile(), id, operator, v.CallerHash, now())
}
