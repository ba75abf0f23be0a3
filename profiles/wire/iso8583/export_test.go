package iso8583

// Forge writes a message of any fields that the table allows, sealed as this codec seals.
func (c *Codec) Forge(mti string, h Header, fields map[int]string) ([]byte, error) {
	var f Fields
	for n, value := range fields {
		f.Put(n, value)
	}
	if err := c.sealFields(mti, &f); err != nil {
		return nil, err
	}
	message, err := cups.Pack(mti, &f)
	if err != nil {
		return nil, err
	}
	body, err := appendHeader(nil, c.opts.versionByte(), h, len(message), accepted)
	return append(body, message...), err
}

// Reseal puts a good seal on a message, whatever seal it had. What can't be read stays as it is.
func (c *Codec) Reseal(body []byte) []byte {
	h, rest, err := readHeader(body)
	if err != nil {
		return body
	}
	mti, f, err := cups.Unpack(rest)
	if err != nil || c.sealFields(mti, f) != nil {
		return body
	}
	message, err := cups.Pack(mti, f)
	if err != nil {
		return body
	}
	out, err := appendHeader(nil, h.version, h.Header, len(message), h.reject)
	if err != nil {
		return body
	}
	return append(out, message...)
}

// ASCII87 is the table of the public test messages that are all in ASCII, with
// their bitmaps in hexadecimal. Only the tests have it.
var ASCII87 = &Dialect{bitmap: hexBitmap, fields: [129]format{
	2: {prefix: 2, max: 19, alphabet: digits}, 3: {max: 6, alphabet: digits}, 4: {max: 12, alphabet: digits}, 7: {max: 10, alphabet: digits},
	11: {max: 6, alphabet: digits}, 12: {max: 6, alphabet: digits}, 13: {max: 4, alphabet: digits}, 15: {max: 4, alphabet: digits},
	18: {max: 4, alphabet: digits}, 32: {prefix: 2, max: 11, alphabet: digits}, 37: {max: 12, alphabet: text}, 39: {max: 2, alphabet: text},
	42: {max: 15, alphabet: text}, 48: {prefix: 3, max: 255, alphabet: text}, 49: {max: 3, alphabet: digits}, 55: {prefix: 3, max: 255, alphabet: text},
	60: {prefix: 3, max: 255, alphabet: text}, 63: {prefix: 3, max: 255, alphabet: text}, 70: {max: 3, alphabet: digits}, 90: {max: 42, alphabet: digits},
}}

// CUPS is the interchange's table.
var CUPS = &cups
