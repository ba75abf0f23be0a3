package epcc_test

import (
	"crypto/rand"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"kaqiao/profiles/wire/epcc"
	"kaqiao/profiles/wire/seal"
)

// The floors are the bare operations of gmsm that a message cannot do without,
// over texts of the same length. What the codec takes beyond its floor is its own.

func BenchmarkEncode(b *testing.B) {
	c, m := codec(b, seal.Gateway, epcc.Options{}), signMessage()
	frame, err := c.Encode(m)
	must(b, err)
	b.Run("codec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := c.Encode(m)
			must(b, err)
		}
	})
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		key := annexKey(b)
		opts := sm2.NewSM2SignerOption(true, []byte("1234567812345678"))
		for b.Loop() {
			_, err := sm2.EncryptASN1(rand.Reader, &key.PublicKey, []byte("02|0123456789abcdeffedcba9876543210"))
			must(b, err)
			_, err = key.Sign(rand.Reader, frame.Body, opts)
			must(b, err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	frame, err := codec(b, seal.Gateway, epcc.Options{}).Encode(signMessage())
	must(b, err)
	c := codec(b, seal.Bank, epcc.Options{})
	b.Run("codec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, err := c.Decode(frame)
			must(b, err)
		}
	})
	b.Run("floor", func(b *testing.B) {
		b.ReportAllocs()
		key := annexKey(b)
		signature, err := key.Sign(rand.Reader, frame.Body, sm2.NewSM2SignerOption(true, []byte("1234567812345678")))
		must(b, err)
		envelope, err := sm2.EncryptASN1(rand.Reader, &key.PublicKey, []byte("02|0123456789abcdeffedcba9876543210"))
		must(b, err)
		for b.Loop() {
			if !sm2.VerifyASN1WithSM2(&key.PublicKey, []byte("1234567812345678"), frame.Body, signature) {
				b.Fatal("does not verify")
			}
			_, err := key.Decrypt(nil, envelope, sm2.ASN1DecrypterOpts)
			must(b, err)
		}
	})
	b.Run("grammar", func(b *testing.B) { // without seal and envelope
		b.ReportAllocs()
		for b.Loop() {
			must(b, epcc.ReadGrammar(frame.Body))
		}
	})
	b.Run("encoding/xml", func(b *testing.B) { // the bare tokens of the same text, for comparison
		b.ReportAllocs()
		from, to := signedPart(frame.Body)
		for b.Loop() {
			must(b, tokens(frame.Body[from:to]))
		}
	})
}

func tokens(text []byte) error {
	d := xml.NewDecoder(&reader{text})
	for {
		if _, err := d.RawToken(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// reader is a byte reader, so that the decoder needs no buffer of its own.
type reader struct{ rest []byte }

func (r *reader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *reader) ReadByte() (byte, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c, nil
}
