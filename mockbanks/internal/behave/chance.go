package behave

import (
	"crypto/sha256"
	"encoding/binary"
)

// Key says which call of which customer is meant. The sender's own numbers are
// no part of it, because they differ from run to run.
type Key struct {
	Card    uint64 // of Fold
	Ordinal uint32 // how many calls of this operation on this card came before
}

// Fold makes a key's number of a card or agreement number. It serves chance,
// not secrecy: the number can be guessed back from it.
func Fold(number string) uint64 {
	sum := sha256.Sum256([]byte(number))
	return binary.BigEndian.Uint64(sum[:])
}

// chance is a number in (0, 1) that depends on all of its arguments and on
// nothing else: not on the order of calls, not on other callers.
func chance(seed uint64, subject, operation string, key Key, purpose string, index int) float64 {
	var room [128]byte
	text := binary.BigEndian.AppendUint64(room[:0], seed)
	text = binary.BigEndian.AppendUint64(text, key.Card)
	text = binary.BigEndian.AppendUint32(text, key.Ordinal)
	text = binary.BigEndian.AppendUint32(text, uint32(index))
	// A zero byte ends each name, so that no two lists of names read the same.
	text = append(append(text, subject...), 0)
	text = append(append(text, operation...), 0)
	text = append(append(text, purpose...), 0)
	sum := sha256.Sum256(text)
	// 52 bits and a half: neither 0 nor 1 can come out, and no value is rounded.
	return (float64(binary.BigEndian.Uint64(sum[:])>>12) + 0.5) / (1 << 52)
}
