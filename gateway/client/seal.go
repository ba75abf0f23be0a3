package client

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"kaqiao/profiles/wire/seal"
)

// sealedSize is the least length of a sealed text: spaces fill it up, so that
// nobody sees from outside how long a CVV is.
const sealedSize = 32

// ErrNoKey: the gateway publishes no key that may be sealed to.
var ErrNoKey = errors.New("the gateway has no active envelope key")

// Sealer seals what must not lie open to one key of the gateway. It is safe
// for concurrent use, and good as long as the key is: where a call is refused
// with envelope_key_invalid, make another one and seal the plain request again,
// under the same idempotency key.
type Sealer struct {
	id  string
	key *ecdsa.PublicKey
}

// Keys lists the gateway's public keys, the one to use first.
func (c *Client) Keys(ctx context.Context) ([]PublicKey, error) {
	out, _, err := call[KeyPage](ctx, c, "list keys", func() (*http.Response, error) { return c.transport.ListKeys(ctx) })
	return out.Keys, err
}

// Sealer fetches the gateway's keys and returns a Sealer for the first active
// one. The error wraps ErrNoKey where there is none.
func (c *Client) Sealer(ctx context.Context) (*Sealer, error) {
	keys, err := c.Keys(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.State == PublicKeyStateActive && k.Algorithm == PublicKeyAlgorithmSM2 {
			return NewSealer(k)
		}
	}
	return nil, fmt.Errorf("seal: %w", ErrNoKey)
}

// NewSealer makes a Sealer for a key that was fetched before.
func NewSealer(k PublicKey) (*Sealer, error) {
	public, err := seal.ParsePublic([]byte(k.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("seal: key %s: %w", k.ID, err)
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("seal: key %s is not an SM2 key", k.ID)
	}
	return &Sealer{id: k.ID, key: key}, nil
}

// Seal returns the envelope of one text. An empty text stays empty.
func (s *Sealer) Seal(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	filled := fmt.Appendf(nil, "%-*s", sealedSize, text)
	defer clear(filled)
	ciphertext, err := seal.EncryptSM2(rand.Reader, s.key, filled)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return "sm2:" + s.id + ":" + base64.StdEncoding.EncodeToString(ciphertext), nil
}

// Binding returns the request with card number, CVV and document number sealed.
func (s *Sealer) Binding(in BindingRequest) (BindingRequest, error) {
	err := s.all(&in.Card.Number, &in.Card.Cvv, &in.Holder.Document.Number)
	return in, err
}

// Verification is Binding for a verification.
func (s *Sealer) Verification(in VerificationRequest) (VerificationRequest, error) {
	err := s.all(&in.Card.Number, &in.Card.Cvv, &in.Holder.Document.Number)
	return in, err
}

// Confirm returns the request with the CVV sealed.
func (s *Sealer) Confirm(in ConfirmRequest) (ConfirmRequest, error) {
	err := s.all(&in.Card.Cvv)
	return in, err
}

// Challenge returns the request with the CVV sealed.
func (s *Sealer) Challenge(in ChallengeRequest) (ChallengeRequest, error) {
	err := s.all(&in.Card.Cvv)
	return in, err
}

// Resolve returns the request with every card number sealed.
func (s *Sealer) Resolve(in CardResolveRequest) (CardResolveRequest, error) {
	fields := []*string{&in.Number}
	in.Candidates = append([]CardCandidate(nil), in.Candidates...)
	for i := range in.Candidates {
		fields = append(fields, &in.Candidates[i].Number)
	}
	return in, s.all(fields...)
}

func (s *Sealer) all(fields ...*string) error {
	for _, f := range fields {
		sealed, err := s.Seal(*f)
		if err != nil {
			return err
		}
		*f = sealed
	}
	return nil
}
