// Package epcc is the grammar of NetsUnion Clearing's agreement payment (网联
// 协议支付, system name EPCC): XML over HTTPS, a digital envelope for sensitive
// fields, and a signature in a trailer {S:…} over the bytes from <root to </root>.
//
// No official specification is public. What other code bases agree on is in
// the grammar; what is inferred or remembered is an option with that default.
package epcc

// Options are what the channel's profile may say under options:.
type Options struct {
	// Algorithms is sm (SM2, SM3, SM4) or intl (RSA, SHA-256, AES-256). Default sm.
	Algorithms string `yaml:"algorithms"`
	// CipherMode of encrypted fields is ecb or cbc. Default ecb, the likely one: Java's default
	// for "AES", not visible in any source (inferred). With cbc the IV is the session key's first 16 bytes (memory).
	CipherMode string `yaml:"cipher_mode"`
	// EnvelopePrefix stands before the session key in the envelope: Default "02|" for sm
	// (inferred from a related code base) and "01|" for intl (found).
	EnvelopePrefix string `yaml:"envelope_prefix"`
	// UserID is SM2's distinguishing identifier. Default 1234567812345678 (memory).
	UserID string `yaml:"user_id"`
	// Institution is the gateway's own number: Z and 13 digits. Default Z2000000000001.
	Institution string `yaml:"institution"`
	// Platform is the hub's own number: G and 13 digits. Default G4000311000018 (found).
	Platform string `yaml:"platform"`
	// Direction is Drctn of what the institution sends, AnswerDirection of what it gets.
	// Sources conflict; defaults 11 (found) and 22 (inferred).
	Direction       string `yaml:"direction"`
	AnswerDirection string `yaml:"answer_direction"`
	// ControlDigits are the last six of a TrxId: they steer the data centre. Default 760001 (form found, value invented).
	ControlDigits string `yaml:"control_digits"`
	// ReservedDigit is digit 25 of a TrxId, the test or production marker. Default 0 (form found, value inferred).
	ReservedDigit string `yaml:"reserved_digit"`
	// DebitType and CreditType are SgnAcctTp. Defaults 00 (found) and 01 (inferred).
	DebitType  string `yaml:"debit_type"`
	CreditType string `yaml:"credit_type"`
	// DocumentTypes are IDTp by document type, at most 32. 01 for resident_id is found; the others follow
	// the list of UnionPay's published interface (passport 03, hk_macao_permit 04, taiwan_permit 05), which
	// has 99, other documents, for the rest: hk_macao_taiwan_residence, foreign_residence and
	// business_licence (inferred for this protocol).
	DocumentTypes []DocumentType `yaml:"document_types"`
	// CreditFields sends CVN2 and VldDt (encrypted) in SgnInf for credit cards. The sheets show no
	// place for them, so the names are this product's dialect. Default true.
	CreditFields *bool `yaml:"credit_fields"`
	// UnsignCategory is OriTrxCtgy in a query for an unsigning. Default 0203 (inferred).
	UnsignCategory string `yaml:"unsign_category"`
	// PendingCode is BizStsCd of a step 0201 that the customer is to approve in the bank's APP (ClbckUrl is set), and
	// of a query for it, until that is done. 8 letters and digits. Default PB511090 (assigned: no code is known).
	PendingCode string `yaml:"pending_code"`
	// DeniedCode is BizStsCd of a query for it once the customer has refused. Default PB511097 (assigned).
	DeniedCode string `yaml:"denied_code"`
	// CallbackURL is ClbckUrl of a step 0201 that asks for approval in the bank's APP: http or https, at most 512
	// printable ASCII characters. Default http://127.0.0.1:8081/callbacks/nucc, the gateway's own default (assigned).
	CallbackURL string `yaml:"callback_url"`
	// StaleAfter is how far SndDt may be from the receiver's clock, 1s to 24h. Default 10m (memory).
	StaleAfter string `yaml:"stale_after"`
}

// DocumentType is one line of the document table.
type DocumentType struct {
	Type string `yaml:"type"` // resident_id, passport…
	IDTp string `yaml:"idtp"` // two digits
}
