package vault

import (
	"encoding/binary"
	"errors"

	"kaqiao/gateway/internal/op"
	"kaqiao/profiles/secret"
)

// maxField is the longest field of a person, in bytes.
const maxField = 1024

var errTooLong = errors.New("a field is longer than 1,024 bytes")

// encode writes each field behind its length. It does not look at CVV and
// expiry: they are never kept. Text formats were rejected because their
// encoders leave copies behind that nobody can clear.
func encode(p op.Person, account string) ([]byte, error) {
	fields := [...]string{p.Card.Reveal(), p.CardType, p.Name.Reveal(), p.DocumentType, p.Document.Reveal(), p.Mobile.Reveal(), account}
	size := 0
	for _, f := range fields {
		if len(f) > maxField {
			return nil, errTooLong
		}
		size += 2 + len(f)
	}
	plain := make([]byte, 0, size)
	for _, f := range fields {
		plain = append(binary.BigEndian.AppendUint16(plain, uint16(len(f))), f...)
	}
	return plain, nil
}

func decode(plain []byte) (op.Person, string, error) {
	var fields [7]string
	for i := range fields {
		if len(plain) < 2 {
			return op.Person{}, "", ErrSealed
		}
		n := int(binary.BigEndian.Uint16(plain))
		if plain = plain[2:]; len(plain) < n {
			return op.Person{}, "", ErrSealed
		}
		fields[i], plain = string(plain[:n]), plain[n:]
	}
	if len(plain) != 0 {
		return op.Person{}, "", ErrSealed
	}
	return op.Person{
		Card: secret.NewCard(fields[0]), CardType: fields[1], Name: secret.NewName(fields[2]),
		DocumentType: fields[3], Document: secret.NewDocument(fields[4]), Mobile: secret.NewMobile(fields[5]),
	}, fields[6], nil
}
