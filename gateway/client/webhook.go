package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ErrWebhook is wrapped where a request is not an event of the gateway: answer 4xx and do nothing.
var ErrWebhook = errors.New("not an event of the gateway")

// The causes, for logs of one's own: they hold nothing of the request.
var (
	errWebhookHeaders   = errors.Join(ErrWebhook, errors.New("a header of Standard Webhooks is missing or not well formed"))
	errWebhookTime      = errors.Join(ErrWebhook, errors.New("it is more than five minutes old, or a clock is wrong"))
	errWebhookSecrets   = errors.New("client: a webhook's secret is whsec_ and base64")
	errWebhookSignature = errors.Join(ErrWebhook, errors.New("no signature is by a secret of this receiver"))
)

// The bounds of a verification.
const (
	webhookTolerance  = 5 * time.Minute
	maxWebhookTries   = 64 // signatures in one header that are looked at
	webhookSecretMark = "whsec_"
)

// VerifyWebhook reports whether a request to a webhook is the gateway's, after
// Standard Webhooks: body is the request's body as it came, byte for byte.
// secrets are those that `gateway keys webhook` has printed; while one rotates
// there are two. now may differ from the sender's clock by five minutes. The
// error wraps ErrWebhook unless a secret itself is not one.
//
// The same event may come more than once, with the same Webhook-Id: keep the
// ids that were handled. Events of one binding come in order.
func VerifyWebhook(header http.Header, body []byte, secrets []string, now time.Time) error {
	id, stamp := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil || header.Get("Webhook-Signature") == "" {
		return errWebhookHeaders
	}
	if at := time.Unix(seconds, 0); at.Before(now.Add(-webhookTolerance)) || at.After(now.Add(webhookTolerance)) {
		return errWebhookTime
	}
	var given [][]byte
	for i, part := range strings.Fields(header.Get("Webhook-Signature")) {
		version, text, _ := strings.Cut(part, ",")
		sum, err := base64.StdEncoding.DecodeString(text)
		if i < maxWebhookTries && version == "v1" && err == nil {
			given = append(given, sum)
		}
	}
	good := 0
	for _, s := range secrets {
		text, marked := strings.CutPrefix(s, webhookSecretMark)
		key, err := base64.StdEncoding.DecodeString(text)
		if !marked || err != nil || len(key) == 0 {
			return errWebhookSecrets
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		want := mac.Sum(nil)
		for _, sum := range given {
			good |= subtle.ConstantTimeCompare(sum, want)
		}
	}
	if good != 1 {
		return errWebhookSignature
	}
	return nil
}
