package app

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"kaqiao/gateway/internal/notify"
	"kaqiao/profiles/secret"
)

// Webhook is where one caller is told of its events, without its secrets' texts.
type Webhook = notify.Endpoint

// WebhookWish is what AddWebhook makes.
type WebhookWish struct {
	Caller string
	URL    string
	Allow  []string // networks that are not public and that it may lie in, at most 16, such as 10.1.0.0/16
	Dev    bool     // what a gateway under --dev allows
}

// AddWebhook gives a caller of the data folder an endpoint and returns its
// secret, to be shown once. Where the caller had one, it has another address
// now, its secrets stay, and none is returned. A running gateway sees it at once.
func AddWebhook(data string, in WebhookWish, now time.Time) (secret.Key, error) {
	c := Config{Data: data}
	list, err := readCallerFile(c.callersFile())
	if err != nil {
		return secret.Key{}, err
	}
	if !slices.ContainsFunc(list, func(one Caller) bool { return one.ID == in.Caller }) {
		return secret.Key{}, fmt.Errorf("there is no caller of this id in %s: `gateway keys caller` makes one", c.callersFile())
	}
	e := notify.Endpoint{Caller: in.Caller, URL: in.URL}
	for _, text := range in.Allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return secret.Key{}, errors.New("networks that are allowed are like 10.1.0.0/16")
		}
		e.Allow = append(e.Allow, p)
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return secret.Key{}, fmt.Errorf("data folder: %w", err)
	}
	return notify.Add(c.webhooksFile(), e, in.Dev, now)
}

// RotateWebhook makes another secret; those before it sign beside it for the overlap.
func RotateWebhook(data, caller string, overlap time.Duration, now time.Time) (secret.Key, error) {
	return notify.Rotate((&Config{Data: data}).webhooksFile(), caller, overlap, now)
}

// RevokeWebhook destroys one secret of a caller's endpoint or, where none is named, the endpoint.
func RevokeWebhook(data, caller, id string) error {
	return notify.Revoke((&Config{Data: data}).webhooksFile(), caller, id)
}

// Webhooks are all endpoints of a data folder, by caller.
func Webhooks(data string) ([]Webhook, error) {
	return notify.List((&Config{Data: data}).webhooksFile())
}
