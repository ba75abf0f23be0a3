package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kaqiao/gateway/internal/ownfile"
	"kaqiao/gateway/internal/vault"
	"kaqiao/profiles/secret"
)

// The files in the data folder.
func (c *Config) journalFile() string  { return filepath.Join(c.Data, "journal.db") }
func (c *Config) keyFile() string      { return filepath.Join(c.Data, "vault.key") }
func (c *Config) callersFile() string  { return filepath.Join(c.Data, "callers.yaml") }
func (c *Config) webhooksFile() string { return filepath.Join(c.Data, "webhooks.yaml") }
func (c *Config) envelopeFile() string { return filepath.Join(c.Data, "envelope.keys") }

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
	v, err := vault.Open(vault.Config{KeyFile: c.keyFile(), Now: c.Now, Log: c.Log})
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
		known, err := readCallers(c.callersFile())
		if err != nil {
			return err
		}
		if id, ok := known.find(hash(secret.NewKey(strings.TrimSpace(string(raw)))), c.Now()); ok && id == devCaller {
			return nil
		}
	}
	key, err := addCaller(c.callersFile(), Caller{ID: devCaller, Operator: true}, 0, hash, c.Now())
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.DevCallerKey), 0o700); err != nil {
		return fmt.Errorf("development caller: %w", err)
	}
	if err := ownfile.Replace(c.DevCallerKey, []byte(key.Reveal()+"\n")); err != nil {
		return fmt.Errorf("development caller: %w", err)
	}
	return nil
}

// InitKeys makes the vault's key in a data folder. The error wraps fs.ErrExist where there is one.
func InitKeys(data string) (path string, err error) {
	c := Config{Data: data}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	return c.keyFile(), vault.CreateKeyFile(c.keyFile())
}

// openEnvelopes reads the keys to which callers seal; with Dev, one is made where there is none.
func (c *Config) openEnvelopes(log *slog.Logger) (*vault.Envelopes, error) {
	if _, err := os.Stat(c.envelopeFile()); c.Dev && errors.Is(err, fs.ErrNotExist) {
		if _, err := vault.AddEnvelopeKey(c.envelopeFile(), c.Now(), 0, 0); err != nil {
			return nil, err
		}
	}
	return vault.OpenEnvelopes(vault.EnvelopeConfig{File: c.envelopeFile(), Now: c.Now, Log: log})
}

// EnvelopeKey is a key to which callers seal, without its private half.
type EnvelopeKey = vault.EnvelopeKey

// AddEnvelopeKey makes a key in a data folder; those that were active retire and open for the overlap.
func AddEnvelopeKey(data string, now time.Time, overlap, lives time.Duration) (EnvelopeKey, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return EnvelopeKey{}, fmt.Errorf("data folder: %w", err)
	}
	return vault.AddEnvelopeKey((&Config{Data: data}).envelopeFile(), now, overlap, lives)
}

// RetireEnvelopeKey has callers seal to another key.
func RetireEnvelopeKey(data, id string, now time.Time, overlap time.Duration) error {
	return vault.RetireEnvelopeKey((&Config{Data: data}).envelopeFile(), id, now, overlap)
}

// RevokeEnvelopeKey destroys a key.
func RevokeEnvelopeKey(data, id string) error {
	return vault.RevokeEnvelopeKey((&Config{Data: data}).envelopeFile(), id)
}

// EnvelopeKeys are all keys of a data folder, newest first.
func EnvelopeKeys(data string) ([]EnvelopeKey, error) {
	return vault.EnvelopeKeys((&Config{Data: data}).envelopeFile())
}

// vaultConfig is the vault of a data folder, for commands.
func vaultConfig(data string) vault.Config {
	return vault.Config{KeyFile: (&Config{Data: data}).keyFile()}
}

// KEK is a key-encryption key of the vault, without the key.
type KEK = vault.KEK

// AddKEK makes a key-encryption key in a data folder; the one before retires.
func AddKEK(data string, now time.Time) (KEK, error) { return vault.AddKEK(vaultConfig(data), now) }

// RewrapKEKs encrypts the vault's keys of days under the active key, and returns of how many days.
func RewrapKEKs(data string) (int, error) { return vault.RewrapKEKs(vaultConfig(data)) }

// DestroyKEK destroys a key under which nothing is encrypted.
func DestroyKEK(data, id string) error { return vault.DestroyKEK(vaultConfig(data), id) }

// KEKs are all key-encryption keys of a data folder, newest first.
func KEKs(data string) ([]KEK, error) { return vault.KEKs(vaultConfig(data)) }
