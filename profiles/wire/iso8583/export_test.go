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
