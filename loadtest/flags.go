package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"kaqiao/gateway/client"
	"kaqiao/loadtest/control"
	"kaqiao/loadtest/load"
	"kaqiao/loadtest/report"
	"kaqiao/profiles/secret"
)

// places are where the two programs are.
type places struct {
	gatewayURL, farmURL, keyFile string
	timeout                      time.Duration
	connections                  int
}

// farmConns stays below what a farm takes at its control port.
const farmConns = 512

func (p *places) add(flags *pflag.FlagSet) {
	flags.StringVar(&p.gatewayURL, "gateway", "http://127.0.0.1:8080", "the gateway")
	flags.StringVar(&p.farmURL, "farm", "http://127.0.0.1:9090", "the farm's control port")
	flags.StringVar(&p.keyFile, "key-file", ".kaqiao/dev-caller.key", "file with the caller's key")
	flags.DurationVar(&p.timeout, "timeout", time.Minute, "how long one answer of the gateway is waited for, 1ms to 1h")
	flags.IntVar(&p.connections, "connections", 4096, "connections to the gateway at most, 1 to 100,000")
}

func (p *places) check() error {
	if p.timeout < time.Millisecond || p.timeout > time.Hour {
		return errors.New("--timeout must be 1ms to 1h")
	}
	if p.connections < 1 || p.connections > 100_000 {
		return errors.New("--connections must be 1 to 100,000")
	}
	return nil
}

func (p *places) key() (secret.Key, error) {
	text, err := os.ReadFile(filepath.Clean(p.keyFile))
	if err != nil {
		return secret.Key{}, fmt.Errorf("the caller's key: %w (make up writes it; --key-file names another)", err)
	}
	return secret.NewKey(strings.TrimSpace(string(text))), nil
}

// gateway is the gateway as an attack sees it: nothing is repeated behind the record's back.
func (p *places) gateway() (*load.HTTPGateway, error) {
	key, err := p.key()
	if err != nil {
		return nil, err
	}
	return load.NewGateway(p.gatewayURL, key, p.doer(p.connections))
}

// client is the gateway as a patient caller sees it.
func (p *places) client() (*client.Client, error) {
	key, err := p.key()
	if err != nil {
		return nil, err
	}
	return client.New(p.gatewayURL, key.Reveal(), client.WithTimeout(p.timeout))
}

func (p *places) farm() *control.Farm { return control.New(p.farmURL, p.doer(farmConns)) }

func (p *places) doer(conns int) *http.Client {
	return &http.Client{Timeout: p.timeout, Transport: &http.Transport{
		MaxIdleConns: conns, MaxIdleConnsPerHost: conns, MaxConnsPerHost: conns,
		IdleConnTimeout: 90 * time.Second, DisableCompression: true,
	}}
}

// output is how a result is shown.
type output struct {
	json, hgrm, lang string
	byBank           bool
}

func (o *output) add(flags *pflag.FlagSet) {
	flags.StringVar(&o.json, "json", "", "write JSON to a file, or to the terminal with -")
	flags.StringVar(&o.hgrm, "hgrm", "", "write .hgrm files of percentiles into this folder")
	flags.BoolVar(&o.byBank, "by-bank", false, "show each bank beside the tiers")
	o.addLang(flags)
}

func (o *output) addLang(flags *pflag.FlagSet) {
	flags.StringVar(&o.lang, "lang", "en", "language of the report: en or zh")
}

func (o *output) check() error {
	if !slices.Contains(report.Languages(), o.lang) {
		return errors.New("--lang must be en or zh")
	}
	return nil
}

// report shows a report wherever it was asked for.
func (o *output) report(c *cobra.Command, r *report.Report) error {
	if o.hgrm != "" {
		if err := r.Percentiles(o.hgrm); err != nil {
			return fmt.Errorf("percentiles: %w", err)
		}
	}
	if o.json == "-" {
		return r.JSON(c.OutOrStdout())
	}
	if err := r.Text(c.OutOrStdout(), o.text(c)); err != nil {
		return err
	}
	if o.json == "" {
		return nil
	}
	return writeFile(o.json, r.JSON)
}

func (o *output) text(c *cobra.Command) report.TextOptions {
	return report.TextOptions{Lang: o.lang, Colour: terminal(c.OutOrStdout()), Banks: o.byBank}
}

func writeFile(path string, write func(io.Writer) error) (err error) {
	file, err := os.Create(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer func() {
		if e := file.Close(); err == nil {
			err = e
		}
	}()
	return write(file)
}

// terminal reports whether a person is looking at w.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" //nolint:misspell // no-color.org
}
