package notify

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"kaqiao/profiles/secret"
)

// The headers of Standard Webhooks 1.0.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// secretPrefix is how a secret begins. base64 of 24 to 64 bytes follows.
const secretPrefix = "whsec_"

const (
	leastSecret = 24
	freshSecret = 32
	mostSecret  = 64
)

var errSecret = errors.New("a webhook's secret is whsec_ and base64 of 24 to 64 bytes")

// newSecret makes a secret.
func newSecret() secret.Key {
	raw := make([]byte, freshSecret)
	_, _ = rand.Read(raw) // it never fails
	return secret.NewKey(secretPrefix + base64.StdEncoding.EncodeToString(raw))
}

// keyBytes are the bytes that a secret stands for.
func keyBytes(s secret.Key) ([]byte, error) {
	text, ok := strings.CutPrefix(s.Reveal(), secretPrefix)
	if !ok || strings.ContainsAny(text, "\r\n") { // base64 would pass over them
		return nil, errSecret
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < leastSecret || len(raw) > mostSecret {
		return nil, errSecret
	}
	return raw, nil
}

// sign makes the value of webhook-signature: one signature for each secret, so
// that a receiver that knows any of them is content while they rotate.
func sign(id string, at time.Time, body []byte, secrets []secret.Key) (string, error) {
	var all []string
	for _, s := range secrets {
		key, err := keyBytes(s)
		if err != nil {
			return "", err
		}
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " "), nil
}
