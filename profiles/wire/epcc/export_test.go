package epcc

import "io"

// SetRandom puts a test's source in place of crypto/rand.
func (c *Codec) SetRandom(r io.Reader) { c.random = r }
