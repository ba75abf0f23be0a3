package api

import (
	"context"

	"kaqiao/gateway/internal/api/gen"
)

// ListKeys shows the public keys to which callers may seal fields.
func (s *Server) ListKeys(ctx context.Context, _ gen.ListKeysRequestObject) (gen.ListKeysResponseObject, error) {
	keys := s.Envelopes.Published()
	page := gen.KeyPage{Keys: make([]gen.PublicKey, len(keys))}
	for i, k := range keys {
		page.Keys[i] = gen.PublicKey{
			ID: k.ID, State: gen.PublicKeyState(k.State), Algorithm: gen.PublicKeyAlgorithmSM2, PublicKey: k.Public,
			NotBefore: beijing(k.NotBefore), NotAfter: beijing(k.NotAfter),
		}
	}
	return s.ok(ctx, page)
}
