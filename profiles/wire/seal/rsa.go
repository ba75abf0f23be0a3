package seal

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"

	"kaqiao/profiles/wire"
)

// SignRSA signs with SHA256withRSA: PKCS#1 v1.5 over SHA-256, the bare signature.
func SignRSA(key *rsa.PrivateKey, message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
}

// VerifyRSA checks a signature of SignRSA. The error wraps wire.ErrSeal.
func VerifyRSA(key *rsa.PublicKey, message, signature []byte) error {
	digest := sha256.Sum256(message)
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) != nil {
		return wire.ErrSeal
	}
	return nil
}

// EncryptRSA encrypts a short text, at most the modulus less 11 bytes, with
// PKCS#1 v1.5 padding: what the networks still use, weak as it is.
func EncryptRSA(key *rsa.PublicKey, text []byte) ([]byte, error) {
	return rsa.EncryptPKCS1v15(rand.Reader, key, text) //nolint:staticcheck // deprecated for its padding, which is the networks' choice
}

// DecryptSessionRSA opens what EncryptRSA made of a text that is size bytes
// long. Where the padding is wrong or the length differs it returns random
// bytes and no error, so that nobody learns from the answer or its time which
// it was (Bleichenbacher's attack): what the session key should open then
// fails to open instead.
func DecryptSessionRSA(key *rsa.PrivateKey, ciphertext []byte, size int) ([]byte, error) {
	session := make([]byte, size)
	if _, err := rand.Read(session); err != nil {
		return nil, errDecrypt
	}
	if rsa.DecryptPKCS1v15SessionKey(nil, key, ciphertext, session) != nil { //nolint:staticcheck // as in EncryptRSA
		return nil, errDecrypt
	}
	return session, nil
}
