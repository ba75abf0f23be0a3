package jws

import "io"

// SigningInput is what is signed.
func SigningInput(header string, payload []byte, raw bool) []byte {
	return signingInput(header, payload, raw)
}

// SetRandom replaces the codec's source of chance.
func (c *Codec) SetRandom(r io.Reader) { c.random = r }
