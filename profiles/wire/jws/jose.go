package jws

import (
	"crypto"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// The names of the protected header that the family adds (found).
const (
	nameIAT = "http://openbanking.org.uk/iat"
	nameISS = "http://openbanking.org.uk/iss"
	nameTAN = "http://openbanking.org.uk/tan"
)

// maxSignature is the longest x-jws-signature taken, in bytes.
const maxSignature = 4096

// go-jose is not used here: it can make such a signature, but refuses to check
// one, because it takes no critical name beside b64. The tests use it as a stranger.

// unsealed is the error of a signature that is not as it must be. The text is ours, never the other side's.
func unsealed(what string) error { return fmt.Errorf("x-jws-signature: %s: %w", what, wire.ErrSeal) }

// protected is what the protected header of a signature says.
type protected struct {
	kid string
	iat int64
}

// protect writes the protected header, encoded. Its order is that of the published samples.
func (c *Codec) protect(iat int64) string {
	b := append(make([]byte, 0, 512), `{"alg":`...)
	b = append(appendText(b, c.opts.Algorithm), `,"kid":`...)
	b = appendText(b, c.signing.Serial)
	if c.raw() {
		b = append(b, `,"b64":false`...)
	}
	b = append(b, `,"typ":"JOSE","cty":"application/json","`+nameIAT+`":`...)
	b = strconv.AppendInt(b, iat, 10)
	b = append(b, `,"`+nameISS+`":`...)
	b = append(appendText(b, c.issuer(c.ring.Side())), `,"`+nameTAN+`":`...)
	b = append(appendText(b, c.opts.TrustAnchor), `,"crit":[`...)
	for i, name := range c.critical() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, name)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, ']', '}'))
}

// critical are the names that crit must list: all that the signature's meaning hangs on.
func (c *Codec) critical() []string {
	if c.raw() {
		return []string{"b64", nameIAT, nameISS, nameTAN}
	}
	return []string{nameIAT, nameISS, nameTAN}
}

func (c *Codec) raw() bool { return c.opts.Payload == "raw" }

func (c *Codec) issuer(side seal.Side) string {
	if side == seal.Gateway {
		return c.opts.Issuer
	}
	return c.opts.BankIssuer
}

// signingInput is what is signed: RFC 7515 section 5.1, or RFC 7797 section 3 where raw.
func signingInput(header string, payload []byte, raw bool) []byte {
	b := make([]byte, 0, len(header)+1+base64.RawURLEncoding.EncodedLen(len(payload)))
	b = append(append(b, header...), '.')
	if raw {
		return append(b, payload...)
	}
	return base64.RawURLEncoding.AppendEncode(b, payload)
}

// sign makes the value of x-jws-signature: the header, nothing, the signature (RFC 7515 appendix F).
func (c *Codec) sign(random io.Reader, iat int64, body []byte) (string, error) {
	return c.signUnder(random, c.protect(iat), body)
}

// Reseal implements wire.Resealer: the protected header stays.
func (c *Codec) Reseal(frame wire.Frame) (wire.Frame, error) {
	at := slices.IndexFunc(frame.Headers, func(h wire.Header) bool { return strings.EqualFold(h.Name, headerSignature) })
	if at < 0 {
		return wire.Frame{}, fmt.Errorf("reseal: %w", wire.ErrSealMissing)
	}
	header, _, _ := strings.Cut(frame.Headers[at].Value, "..")
	value, err := c.signUnder(c.random, header, frame.Body)
	if err != nil {
		return wire.Frame{}, fmt.Errorf("reseal: %w", err)
	}
	frame.Headers = slices.Clone(frame.Headers)
	frame.Headers[at].Value = value
	return frame, nil
}

func (c *Codec) signUnder(random io.Reader, header string, body []byte) (string, error) {
	key, ok := c.signing.Private.(*rsa.PrivateKey)
	if !ok {
		return "", wire.ErrKey
	}
	digest := sha256Of(signingInput(header, body, c.raw()))
	signature, err := rsa.SignPSS(random, key, crypto.SHA256, digest, pss())
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return header + ".." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// verify checks a signature over a body. What its header says is believed only afterwards, but for the key's serial.
func (c *Codec) verify(value string, body []byte) (protected, error) {
	if len(value) > maxSignature {
		return protected{}, unsealed("longer than allowed")
	}
	header, rest, ok := strings.Cut(value, "..")
	if !ok || strings.Contains(header, ".") || strings.Contains(rest, ".") {
		return protected{}, unsealed("not a header and a signature with nothing between")
	}
	p, err := c.protected(header)
	if err != nil {
		return protected{}, err
	}
	signature, err := decodeBase64(rest)
	if err != nil {
		return protected{}, unsealed("the signature is not base64url")
	}
	key, err := c.ring.BySerial(c.other(), "sign", p.kid)
	if err != nil {
		return protected{}, err
	}
	public, ok := key.Public.(*rsa.PublicKey)
	if !ok || key.Algorithm != "rsa" {
		return protected{}, fmt.Errorf("signing key of another algorithm: %w", wire.ErrKey)
	}
	digest := sha256Of(signingInput(header, body, c.raw()))
	if rsa.VerifyPSS(public, crypto.SHA256, digest, signature, pss()) != nil {
		return protected{}, wire.ErrSeal
	}
	return p, nil
}

// protected reads a protected header. The algorithm and the form of the
// payload are the channel's, never the message's choice; each name must be
// known and each critical one listed, so that nothing is signed that is not understood.
func (c *Codec) protected(encoded string) (protected, error) {
	text, err := decodeBase64(encoded)
	if err != nil {
		return protected{}, unsealed("the header is not base64url")
	}
	o, err := parse(text)
	if err != nil {
		return protected{}, unsealed("the header is not a JSON object with each name once")
	}
	var p protected
	for _, name := range o.names {
		text, _ := o.values[name].(string)
		good := false
		switch name {
		case "alg":
			good = text == c.opts.Algorithm
		case "kid":
			p.kid, good = text, text != "" && len(text) <= 64
		case "typ":
			good = text == "JOSE"
		case "cty":
			good = text == "application/json" || text == "json"
		case "b64":
			value, isBool := o.values[name].(bool)
			good = isBool && !value && c.raw()
		case nameIAT:
			p.iat, good = whole(o.values[name])
		case nameISS:
			good = text == c.issuer(c.other())
		case nameTAN:
			good = text == c.opts.TrustAnchor
		case "crit":
			good = c.lists(o.values[name])
		}
		if !good {
			return protected{}, unsealed("the header has a member that is unknown or not as this channel wants it")
		}
	}
	for _, name := range append(c.critical(), "alg", "kid", "crit") {
		if _, there := o.values[name]; !there {
			return protected{}, unsealed("the header lacks a member")
		}
	}
	return p, nil
}

// lists reports whether crit has just the critical names, each once, in any order.
func (c *Codec) lists(crit any) bool {
	list, _ := crit.([]any)
	want := map[any]bool{}
	for _, name := range c.critical() {
		want[name] = true
	}
	if len(list) != len(want) {
		return false
	}
	for _, name := range list {
		text, ok := name.(string)
		if !ok || !want[text] {
			return false
		}
		delete(want, text)
	}
	return true
}

// whole reads a positive integer.
func whole(value any) (int64, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(number.String(), 10, 64)
	return n, err == nil && n > 0 && n <= maxIssuedAt
}

// decodeBase64 takes base64url without padding, line breaks and loose bits: one text for one value.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") || text == "" {
		return nil, wire.ErrMalformed
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

// pss is the salt length of RFC 7518 section 3.5: that of the hash. Another one is refused.
func pss() *rsa.PSSOptions { return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash} }
