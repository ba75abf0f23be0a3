package jws

import (
	"fmt"
	"time"

	"kaqiao/gateway/internal/link"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
)

var _ link.Authorizer = (*Adapter)(nil)

// Login implements link.Authorizer: client credentials. The certificate of the connection proves whose they are.
func (a *Adapter) Login() (wire.Frame, error) {
	return a.codec.Encode(&jws.TokenRequest{ClientID: a.opts.ClientID, Scope: a.opts.Scope})
}

// Granted implements link.Authorizer.
func (a *Adapter) Granted(f wire.Frame) (secret.Key, time.Duration, error) {
	m, err := a.codec.Decode(f)
	if err != nil {
		return secret.Key{}, 0, fmt.Errorf("token: status %d: %w", f.Status, err)
	}
	token, ok := m.(*jws.Token)
	if !ok {
		return secret.Key{}, 0, fmt.Errorf("token: it is not granted: status %d", f.Status)
	}
	life := min(time.Duration(token.ExpiresIn)*time.Second, a.opts.TokenLimit())
	return secret.NewKey("Bearer " + token.AccessToken.Reveal()), life, nil
}
