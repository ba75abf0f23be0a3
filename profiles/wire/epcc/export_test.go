package epcc

import "io"

// SetRandom puts a test's source in place of crypto/rand.
func (c *Codec) SetRandom(r io.Reader) { c.random = r }

// ReadGrammar does what Decode does without the seal and the envelope.
func ReadGrammar(body []byte) error {
	signed, _, err := cut(body)
	if err != nil {
		return err
	}
	if _, err := signerOf(signed); err != nil {
		return err
	}
	r := reader{scanner: scanner{text: signed}}
	_, _, err = r.message()
	return err
}

// Signature returns what stands in a message's trailer.
func Signature(body []byte) ([]byte, error) {
	_, signature, err := cut(body)
	return signature, err
}
