package notify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"time"

	"go.yaml.in/yaml/v3"

	"kaqiao/gateway/internal/ownfile"
	"kaqiao/profiles/secret"
)

// The limits of the file of endpoints.
const (
	maxEndpoints = 1000
	maxSecrets   = 8 // of one endpoint that sign at once
	maxAllowed   = 16
)

// row is one endpoint in the file. Secrets stand in it as texts, which is why
// the file is its owner's alone.
type row struct {
	Caller  string      `yaml:"caller"`
	ID      string      `yaml:"id"`
	URL     string      `yaml:"url"`
	Allow   []string    `yaml:"allow,omitempty"`
	At      time.Time   `yaml:"created_at"`
	Secrets []secretRow `yaml:"secrets"`
}

type secretRow struct {
	ID     string    `yaml:"id"`
	Secret string    `yaml:"secret"`
	Since  time.Time `yaml:"since"`
	Until  time.Time `yaml:"until,omitempty"`
}

func (r *row) endpoint() (Endpoint, error) {
	e := Endpoint{Caller: r.Caller, ID: r.ID, URL: r.URL, At: r.At}
	if r.Caller == "" || r.ID == "" || r.URL == "" || len(r.Secrets) == 0 || len(r.Secrets) > maxSecrets || len(r.Allow) > maxAllowed {
		return e, errors.New("it is not whole")
	}
	for _, text := range r.Allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return e, errors.New("allow must hold networks such as 10.1.0.0/16")
		}
		e.Allow = append(e.Allow, p.Masked())
	}
	for _, s := range r.Secrets {
		key := secret.NewKey(s.Secret)
		if _, err := keyBytes(key); err != nil {
			return e, err
		}
		e.Secrets = append(e.Secrets, Secret{ID: s.ID, Since: s.Since, Until: s.Until, key: key})
	}
	return e, nil
}

// readRows refuses a file that others may read, and one that is not whole.
func readRows(path string) ([]row, error) {
	text, err := ownfile.Read(path)
	defer clear(text)
	if err != nil {
		return nil, err
	}
	var rows []row
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&rows); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is damaged", path) // the parser's own words may quote a secret
	}
	if len(rows) > maxEndpoints {
		return nil, fmt.Errorf("%s has %d endpoints, at most %d", path, len(rows), maxEndpoints)
	}
	return rows, nil
}

// changeRows alters the file, whole or not at all. Another process that does the same waits.
func changeRows(path string, alter func([]row) ([]row, error)) (err error) {
	release, err := ownfile.Turn(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	rows, err := readRows(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if rows, err = alter(rows); err != nil {
		return err
	}
	text, err := yaml.Marshal(rows)
	defer clear(text)
	if err != nil {
		return err
	}
	return ownfile.Replace(path, text)
}
