package iso8583

// Options are what the channel's profile may say under options:.
type Options struct {
	// MAC is how field 128 is made: x99 (ANSI X9.9, single DES; found), x919 (retail MAC) or cbc3des (CBC
	// with two-key 3DES), both by agreement (memory), or sm4 (CBC, inferred). Default x99. It says which
	// keys the channel needs: des, des3, des3, sm4 of use mac; a master of des3, for sm4 one of sm4.
	MAC string `yaml:"mac"`
	// MACFields are the fields under the seal of business messages, in order, where they are there; 0 is the
	// message type. At most 64. Default 0, 2, 3, 4, 7, 11, 18, 25, 28, 32, 33, 38, 39, 41, 42, 90 (memory).
	// What is not listed is not protected. Key resets use 0, 7, 11, 53, 70, 100 (found).
	MACFields []int `yaml:"mac_fields"`
	// MACSingleBlanks counts blanks that follow each other under the seal as one. Default true (memory).
	MACSingleBlanks *bool `yaml:"mac_single_blanks"`
	// NetworkMAC seals network management as well, over the fields of a key reset. A key is always
	// sealed. Default false (memory).
	NetworkMAC bool `yaml:"network_mac"`
	// Version is the second byte of the header: 1 or 2. Default 2 (found, as 0x02).
	Version int `yaml:"version"`
	// Test sets the test bit of that byte; with it messages without the bit are refused, and the other way round. Default false.
	Test bool `yaml:"test"`
	// Institution is the gateway's own number, the header's source and fields 32 and 33: 8 to 11 digits. Default 04990000 (invented).
	Institution string `yaml:"institution"`
	// Hub is the header's destination where the channel is not the bank itself: 8 to 11 digits, such as
	// 00010000 for UnionPay (found). Default empty: the bank's own number.
	Hub string `yaml:"hub"`

	// VerifyCode, SetUpCode, SignCode and CancelCode are field 3: 6 digits each, all different. Defaults
	// 890000 (found), 891000, 892000, 893000 (assigned).
	VerifyCode string `yaml:"verify_code"`
	SetUpCode  string `yaml:"set_up_code"`
	SignCode   string `yaml:"sign_code"`
	CancelCode string `yaml:"cancel_code"`
	// MerchantType is field 18. Default 6400 (found).
	MerchantType string `yaml:"merchant_type"`
	// EntryMode is field 22. Default 012, keyed without a PIN (found).
	EntryMode string `yaml:"entry_mode"`
	// ConditionCode is field 25. Default 00 (found).
	ConditionCode string `yaml:"condition_code"`
	// TerminalType is field 60.6. Default 07, the internet (found).
	TerminalType string `yaml:"terminal_type"`
	// Currency is field 49. Default 156.
	Currency string `yaml:"currency"`
	// Terminal and Merchant are fields 41 and 42: at most 8 and 15 letters and digits. Defaults 01080209 and
	// 999999999999999 (found in the sample).
	Terminal string `yaml:"terminal"`
	Merchant string `yaml:"merchant"`
	// MerchantName is field 43: at most 40 bytes in GBK. Default 身份验证默认商户 (found in the sample).
	MerchantName string `yaml:"merchant_name"`

	// OrderUsage, CodeUsage, WalletUsage, AgreementUsage and MandateUsage name the blocks of field 48: two
	// capital letters each, all different and not NK. Defaults ON (found), VC, WA, AG (assigned), PZ (found).
	OrderUsage     string `yaml:"order_usage"`
	CodeUsage      string `yaml:"code_usage"`
	WalletUsage    string `yaml:"wallet_usage"`
	AgreementUsage string `yaml:"agreement_usage"`
	MandateUsage   string `yaml:"mandate_usage"`
	// NameMask and MobileMask are the positions of the 16-digit verification mask in block AM of field 61 that stand
	// for these items: 0 and 1, without a position in common. The table was not found; the sample has positions 3, 8 and
	// 9 set and a name and a mobile behind. Defaults 0010000000000000 and 0000000110000000 (inferred).
	NameMask   string `yaml:"name_mask"`
	MobileMask string `yaml:"mobile_mask"`
	// DocumentTypes are the two digits of field 61 by document type, at most 32. 01 for resident_id is found; the
	// others follow the list of UnionPay's published interface (inferred for this protocol).
	DocumentTypes []DocumentType `yaml:"document_types"`

	// SignOnCode, SignOffCode, KeyResetCode and EchoCode are field 70. Defaults 001, 002, 101 and 301
	// (memory; 101 is found with field 96).
	SignOnCode   string `yaml:"sign_on_code"`
	SignOffCode  string `yaml:"sign_off_code"`
	KeyResetCode string `yaml:"key_reset_code"`
	EchoCode     string `yaml:"echo_code"`
	// SignCredit says whether a signing names CVN2 and expiry of a credit card again, as its set-up did. Default true
	// (inferred: field 61 is whole in every message that has it).
	SignCredit *bool `yaml:"sign_credit"`
	// EchoAfter is how long a line may be idle before an echo is sent over it, 1s to 10m. Default 60s (memory).
	EchoAfter string `yaml:"echo_after"`
	// RekeyAfter is how long a MAC key serves before the gateway asks for another, 1m to 720h; 0s: never. Default 24h (memory).
	RekeyAfter string `yaml:"rekey_after"`
	// AnswerWithin is how long the gateway waits for an answer of network management, 100ms to 5m. Default 5s (assigned).
	AnswerWithin string `yaml:"answer_within"`
}

// DocumentType is one line of the document table.
type DocumentType struct {
	Type string `yaml:"type"` // resident_id, passport…
	Code string `yaml:"code"` // two digits
}
