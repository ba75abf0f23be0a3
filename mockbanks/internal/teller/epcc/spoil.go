package epcc

import (
	"bytes"
	"encoding/base64"
	"fmt"

	"golang.org/x/text/encoding/simplifiedchinese"

	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
)

var _ teller.Spoiler = (*Teller)(nil)

// sealStart is what stands before the signature at a message's end (found).
const sealStart = "{S:"

// Missealed implements teller.Spoiler: the signature's last bit is another. That
// is in the second of SM2's two numbers, or in RSA's one: it reads as well as the right one.
func (t *Teller) Missealed(f wire.Frame) (wire.Frame, error) {
	start := bytes.LastIndex(f.Body, []byte(sealStart))
	if start < 0 || f.Body[len(f.Body)-1] != '}' {
		return f, fmt.Errorf("trailer: %w", teller.ErrUnspoilt)
	}
	text := f.Body[start+len(sealStart) : len(f.Body)-1]
	signature, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil || len(signature) == 0 {
		return f, fmt.Errorf("trailer: %w", teller.ErrUnspoilt)
	}
	signature[len(signature)-1] ^= 1
	f.Body = base64.StdEncoding.AppendEncode(bytes.Clone(f.Body[:start+len(sealStart)]), signature)
	f.Body = append(f.Body, '}')
	return f, nil
}

// Miscoded implements teller.Spoiler: the body says that it is UTF-8, and is
// GBK. Each answer has a description in Chinese.
func (t *Teller) Miscoded(a teller.Answer) (wire.Frame, error) {
	codec, ok := t.codec.(wire.Resealer)
	if !ok {
		return a.Frame, fmt.Errorf("seal: %w", teller.ErrUnspoilt)
	}
	body, err := simplifiedchinese.GBK.NewEncoder().Bytes(a.Frame.Body)
	if err != nil || bytes.Equal(body, a.Frame.Body) {
		return a.Frame, fmt.Errorf("text: %w", teller.ErrUnspoilt)
	}
	f := a.Frame
	f.Body = body
	return codec.Reseal(f)
}
