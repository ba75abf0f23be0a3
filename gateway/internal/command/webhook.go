package command

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"kaqiao/gateway/app"
)

const defaultWebhookOverlap = 24 * time.Hour

// webhooks are the commands for where callers are told of their events.
func webhooks(w world, data *string) *cobra.Command {
	c := &cobra.Command{
		Use: "webhook", Short: "Where callers are told of their events, and the secrets that sign it", Args: none,
		Long: `Where callers are told of their events, and the secrets that sign it.

A caller has at most one endpoint. A running gateway looks at the file before
each use, so every command counts from its next event on. Requests are signed
after Standard Webhooks; secrets are shown once, when they are made. An endpoint
that answers 410 is posted to no more until it is added again; what it has
missed is told by ` + "`gateway events replay CALLER --dead`" + `.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(webhookAdd(w, data), webhookRotate(w, data), webhookRevoke(w, data), webhookList(w, data))
	return c
}

// oneCaller takes the caller's id as the only argument.
func oneCaller(c *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return usageError{fmt.Errorf("%s: say which caller, such as `%s wallet-a`", c.CommandPath(), c.CommandPath())}
	}
	return nil
}

func webhookAdd(w world, data *string) *cobra.Command {
	var in app.WebhookWish
	c := &cobra.Command{
		Use: "add CALLER --url URL", Short: "Give a caller an endpoint, or another address to the one it has", Args: oneCaller,
		Long: `Give a caller an endpoint and print its secret, once. Where it has one, it gets
this address, keeps its secrets, and is open again if it had answered 410.

The URL must be https, at port 443 or 8443 of a public address; this is checked
again whenever a connection is made. --allow names networks of one's own that
the endpoint may lie in, at any port; link-local networks, where clouds keep
their machines' credentials, can't be allowed.`,
		RunE: func(_ *cobra.Command, args []string) error {
			in.Caller = args[0]
			if in.URL == "" {
				return usageError{errors.New("keys webhook add: --url is required, such as https://wallet.example/events")}
			}
			key, err := app.AddWebhook(*data, in, time.Now())
			if err != nil {
				return err
			}
			if key.Reveal() == "" {
				_, err = fmt.Fprintf(w.errs, "%s has this address now; its secrets are as they were\n", in.Caller)
				return err
			}
			_, err = fmt.Fprintln(w.out, key.Reveal()) // the caller needs it; it is printed nowhere else
			return err
		},
	}
	c.Flags().StringVar(&in.URL, "url", "", "where events are posted, at most 512 characters")
	c.Flags().StringSliceVar(&in.Allow, "allow", nil, "networks of one's own that it may lie in, such as 10.1.0.0/16, at most 16")
	c.Flags().BoolVar(&in.Dev, "dev", false, "for a gateway under --dev: loopback and private networks, and http to loopback")
	return c
}

func webhookRotate(w world, data *string) *cobra.Command {
	var overlap time.Duration
	c := &cobra.Command{
		Use: "rotate CALLER", Short: "Make another secret; those before it sign beside it for the overlap", Args: oneCaller,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := within("overlap", overlap, longestOverlap); err != nil {
				return usageError{fmt.Errorf("keys webhook rotate: %w", err)}
			}
			key, err := app.RotateWebhook(*data, args[0], overlap, time.Now())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(w.out, key.Reveal()) // as above
			return err
		},
	}
	c.Flags().DurationVar(&overlap, "overlap", defaultWebhookOverlap, "how long the secrets before it go on signing, 0s to 2160h")
	return c
}

func webhookRevoke(w world, data *string) *cobra.Command {
	var id string
	c := &cobra.Command{
		Use: "revoke CALLER", Short: "Destroy one secret, or without --secret the endpoint and all of them", Args: oneCaller,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := app.RevokeWebhook(*data, args[0], id); err != nil {
				return err
			}
			what := "the webhook of " + args[0]
			if id != "" {
				what = id
			}
			_, err := fmt.Fprintf(w.out, "%s is revoked\n", what)
			return err
		},
	}
	c.Flags().StringVar(&id, "secret", "", "the secret's id (default: the endpoint as a whole)")
	return c
}

func webhookList(w world, data *string) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show all endpoints and the ids of their secrets", Args: none,
		RunE: func(*cobra.Command, []string) error {
			all, err := app.Webhooks(*data)
			if err != nil {
				return err
			}
			for _, e := range all {
				state := "open"
				if e.Gone {
					state = "gone (410)"
				}
				if _, err := fmt.Fprintf(w.out, "%s\t%s\t%s\tsince %s\n", e.Caller, e.URL, state, e.At.Format(time.RFC3339)); err != nil {
					return err
				}
				for _, s := range e.Secrets {
					if _, err := fmt.Fprintf(w.out, "\t%s\tsince %s\tuntil %s\n", s.ID, s.Since.Format(time.RFC3339), momentOr(s.Until, "it is rotated")); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
}
