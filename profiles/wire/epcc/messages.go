package epcc

import "kaqiao/profiles/secret"

// The message types of agreement signing.
const (
	TypeSign          = "epcc.101.001.01"
	TypeSignReceipt   = "epcc.102.001.01"
	TypeUnsign        = "epcc.103.001.01"
	TypeUnsignReceipt = "epcc.104.001.01"
	TypeQuery         = "epcc.301.001.01"
	TypeQueryReceipt  = "epcc.302.001.01"
	TypeSystem        = "epcc.303.001.01"
)

// The steps of signing, in TrxCtgy (found).
const (
	StepCode = "0201" // verify identity, and the bank sends a code
	StepSign = "0202" // verify the code, and sign
)

// Header is MsgHeader without what the codec makes itself (MsgTp, SignSN, NcrptnSN, DgtlEnvlp).
type Header struct {
	SndDt  string // yyyy-MM-ddTHH:mm:ss, Beijing
	IssrId string // who sends, 14 characters
	Drctn  string // 2 digits
	SignSN string // set by Decode: the serial of the key that signed; Encode ignores it
}

// Sign is epcc.101: identity authentication and signing, two calls of one type.
type Sign struct {
	Header
	SgnInf   SignInfo
	TrxInf   SignTrx
	InstgInf Institution
}

// SignInfo is who binds which card. Secrets travel encrypted.
type SignInfo struct {
	SgnAcctIssrId string          // the bank, 14 characters
	SgnAcctTp     string          // 00 debit, others as the options say
	SgnAcctId     secret.Card     // encrypted
	SgnAcctNm     secret.Name     // encrypted
	IDTp          string          // 01 resident ID card
	IDNo          secret.Document // encrypted
	MobNo         secret.Mobile   // encrypted, 11 digits
	CVN2          secret.CVV      // encrypted, only for credit cards, only with option credit_fields
	VldDt         secret.Expiry   // encrypted, MMYY, as CVN2
}

// SignTrx is the transaction part of Sign.
type SignTrx struct {
	TrxCtgy string      // StepCode or StepSign
	TrxId   string      // 31 digits, the same in both steps
	TrxDtTm string      // yyyy-MM-ddTHH:mm:ss
	AuthMsg secret.Code // the one-time code: empty in StepCode. Plain on the wire.
	// ClbckUrl is where the browser goes after confirming with the bank itself: in one
	// source only (found). Printable ASCII, at most 512 bytes (a limit of this product).
	ClbckUrl string `outline:"-"`
}

// Institution is the paying institution and the wallet account.
type Institution struct {
	InstgId   string     // 14 characters
	InstgAcct secret.Key // encrypted; empty in StepCode, unless the customer is to approve in the bank's APP
}

// SystemResult is SysRtnInf: how the platform fared.
type SystemResult struct {
	SysRtnCd   string // 8 characters, 00000000 = well
	SysRtnDesc string `outline:"-"`
	SysRtnTm   string // yyyy-MM-ddTHH:mm:ss
}

// BizResult is BizInf: how the bank fared. BizStsCd may be blank; then SysRtnCd counts.
type BizResult struct {
	SgnNo      string // the agreement, only after StepSign succeeded
	BizStsCd   string
	BizStsDesc string `outline:"-"`
}

// SignReceipt is epcc.102.
type SignReceipt struct {
	Header
	SysRtnInf SystemResult
	BizInf    BizResult
	SgnInf    ReceiptInfo
	InstgInf  Institution
	OriTrxInf OriginalTrx
}

// ReceiptInfo echoes the account and adds its class.
type ReceiptInfo struct {
	SgnAcctIssrId string
	SgnAcctTp     string
	SgnAcctId     secret.Card // encrypted
	SgnAcctNm     secret.Name // encrypted
	SgnAcctLvl    string      `outline:"-"` // account class: 1, 2, 3 (values inferred; a stub shows text)
}

// OriginalTrx echoes which transaction is meant.
type OriginalTrx struct{ TrxCtgy, TrxId, TrxDtTm string }

// Unsign is epcc.103.
type Unsign struct {
	Header
	SgnInf     UnsignInfo
	InstgInf   Institution
	RescindInf Rescind
}

// UnsignInfo names the agreement.
type UnsignInfo struct {
	SgnAcctIssrId string
	SgnAcctTp     string
	SgnAcctShrtId string // last four digits of the account
	SgnNo         string
}

// Rescind is the transaction part of Unsign and UnsignReceipt.
type Rescind struct{ TrxId, TrxDtTm string }

// UnsignReceipt is epcc.104: the answer to an Unsign, or, sent unasked with a
// TrxId of its own and SysRtnInf empty, a bank's word that it has unsigned (inferred).
type UnsignReceipt struct {
	Header
	SysRtnInf  SystemResult
	BizInf     BizResult
	SgnInf     UnsignInfo
	InstgInf   Institution
	RescindInf Rescind
}

// Query is epcc.301.
type Query struct {
	Header
	OriTrxInf QueryTrx
}

// QueryTrx names the transaction asked for.
type QueryTrx struct {
	OriTrxCtgy  string
	OriTrxId    string
	SrcInstgId  string // who sent the original
	SinkInstgId string // the bank it was for
}

// QueryReceipt is epcc.302 (memory): SysRtnInf is the query's own result, OriBizInf that of the transaction asked for.
type QueryReceipt struct {
	Header
	SysRtnInf SystemResult
	BizInf    BizResult // the original's result; SgnNo where it signed
	OriTrxInf QueryTrx
}

// System is epcc.303: an answer that carries a system code only.
type System struct {
	Header
	SysRtnInf SystemResult
}

func (*Sign) Type() string          { return TypeSign }
func (*SignReceipt) Type() string   { return TypeSignReceipt }
func (*Unsign) Type() string        { return TypeUnsign }
func (*UnsignReceipt) Type() string { return TypeUnsignReceipt }
func (*Query) Type() string         { return TypeQuery }
func (*QueryReceipt) Type() string  { return TypeQueryReceipt }
func (*System) Type() string        { return TypeSystem }
