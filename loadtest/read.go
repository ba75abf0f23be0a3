package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/loadtest/report"
	"kaqiao/loadtest/verify"
)

func reportCommand() *cobra.Command {
	var o output
	c := &cobra.Command{
		Use: "report FILE", Short: "Show a report that attack --json has written", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return usageError{err}
			}
			file, err := os.Open(filepath.Clean(args[0]))
			if err != nil {
				return err
			}
			defer func() { _ = file.Close() }()
			r, err := report.Read(file)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return o.report(c, r)
		},
	}
	o.add(c.Flags())
	return c
}

func verifyCommand() *cobra.Command {
	var p places
	var o output
	var wait time.Duration
	c := &cobra.Command{
		Use: "verify", Short: "Lay the gateway's bindings beside the banks' books, row by row", Args: cobra.NoArgs,
		Long: "Matches the caller's bindings with the banks' agreements by number. A binding whose outcome is still\n" +
			"being found out is undecided and no break. The exit code is 3 where there are breaks.",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(p.check(), o.check()); err != nil {
				return usageError{err}
			}
			if wait < 0 || wait > time.Hour {
				return usageError{errors.New("--wait must be 0s to 1h")}
			}
			r, err := compare(c.Context(), &p, wait)
			if err != nil {
				return err
			}
			if err := o.books(c, r); err != nil {
				return err
			}
			if r.Breaks() > 0 {
				return verdict(exitBreaks)
			}
			return nil
		},
	}
	p.add(c.Flags())
	o.addLang(c.Flags())
	c.Flags().StringVar(&o.json, "json", "", "write JSON to a file, or to the terminal with -")
	c.Flags().DurationVar(&wait, "wait", 0, "how long undecided bindings may take to be decided, 0s to 1h")
	return c
}

// lookAgain is the pause between two comparisons while something is undecided.
const lookAgain = time.Second

// compare reads both sides, again and again while the gateway is still finding out.
func compare(ctx context.Context, p *places, wait time.Duration) (verify.Result, error) {
	gateway, err := p.client()
	if err != nil {
		return verify.Result{}, err
	}
	defer gateway.Close()
	farm := p.farm()
	for until := time.Now().Add(wait); ; {
		r, err := verify.Read(ctx, gateway, farm)
		if err != nil || len(r.Rows) == 0 || time.Now().After(until) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

func (o *output) books(c *cobra.Command, r verify.Result) error {
	asJSON := func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	if o.json == "-" {
		return asJSON(c.OutOrStdout())
	}
	if err := report.Books(c.OutOrStdout(), r, o.text(c)); err != nil || o.json == "" {
		return err
	}
	return writeFile(o.json, asJSON)
}
