package epcc

import "kaqiao/profiles/wire"

// field is one place of a message: where it stands, what may stand there, and
// the variable that holds it. Each message lists its fields once, in the order
// in which they are written; reading goes by name.
type field struct {
	group, name string
	kind        *kind
	need        need
	text        *string
	secret      secretText // in place of text
	encrypted   bool
}

// secretText is any of the secret types.
type secretText interface {
	Reveal() string
	UnmarshalText([]byte) error
}

// need is whether a field must be there.
type need int

const (
	optional  need = iota // where it is empty it is not written
	blank                 // always written, though it may be empty
	mandatory             // never empty
)

// value returns what the field holds.
func (f *field) value() string {
	if f.secret != nil {
		return f.secret.Reveal()
	}
	return *f.text
}

// take checks a text and gives it to the field.
func (f *field) take(text string) error {
	if reason := f.check(text); reason != "" {
		return f.fail(reason)
	}
	if f.secret != nil {
		return f.secret.UnmarshalText([]byte(text))
	}
	*f.text = text
	return nil
}

// check returns why a text may not stand in the field, or "".
func (f *field) check(text string) string {
	if text != "" {
		return f.kind.check(text)
	}
	if f.need == mandatory {
		return "missing"
	}
	return ""
}

func (f *field) path() string { return f.group + "/" + f.name }

// fail is the error of one field.
func (f *field) fail(reason string) error {
	return &wire.FieldError{Field: f.path(), Reason: reason}
}

func plain(group, name string, k *kind, n need, text *string) field {
	return field{group: group, name: name, kind: k, need: n, text: text}
}

func enciphered(group, name string, k *kind, n need, secret secretText) field {
	return field{group: group, name: name, kind: k, need: n, secret: secret, encrypted: true}
}

// newMessage returns an empty message of a type, or nil.
func newMessage(typ string) wire.Message {
	switch typ {
	case TypeSign:
		return new(Sign)
	case TypeSignReceipt:
		return new(SignReceipt)
	case TypeUnsign:
		return new(Unsign)
	case TypeUnsignReceipt:
		return new(UnsignReceipt)
	case TypeQuery:
		return new(Query)
	case TypeQueryReceipt:
		return new(QueryReceipt)
	case TypeSystem:
		return new(System)
	}
	return nil
}

// fieldsOf returns a message's header and the fields of its body, or nil for a message of another protocol.
func fieldsOf(m wire.Message) (*Header, []field) {
	switch m := m.(type) {
	case *Sign:
		return &m.Header, m.fields()
	case *SignReceipt:
		return &m.Header, m.fields()
	case *Unsign:
		return &m.Header, m.fields()
	case *UnsignReceipt:
		return &m.Header, m.fields()
	case *Query:
		return &m.Header, m.fields()
	case *QueryReceipt:
		return &m.Header, m.fields()
	case *System:
		return &m.Header, m.SysRtnInf.fields(nil, mandatory)
	}
	return nil, nil
}

// Field order: found for 101 and 103 (samples), and for 102 as far as the groups go.

func (m *Sign) fields() []field {
	g := &m.SgnInf
	return []field{
		plain("SgnInf", "SgnAcctIssrId", &kindInstitution, mandatory, &g.SgnAcctIssrId),
		plain("SgnInf", "SgnAcctTp", &kindTwoDigits, mandatory, &g.SgnAcctTp),
		enciphered("SgnInf", "SgnAcctId", &kindCard, mandatory, &g.SgnAcctId),
		enciphered("SgnInf", "SgnAcctNm", &kindName, mandatory, &g.SgnAcctNm),
		plain("SgnInf", "IDTp", &kindTwoDigits, mandatory, &g.IDTp),
		enciphered("SgnInf", "IDNo", &kindDocument, mandatory, &g.IDNo),
		enciphered("SgnInf", "MobNo", &kindMobile, mandatory, &g.MobNo),
		enciphered("SgnInf", "CVN2", &kindCVN2, optional, &g.CVN2),
		enciphered("SgnInf", "VldDt", &kindExpiry, optional, &g.VldDt),
		plain("TrxInf", "TrxCtgy", &kindCategory, mandatory, &m.TrxInf.TrxCtgy),
		plain("TrxInf", "TrxId", &kindTrxID, mandatory, &m.TrxInf.TrxId),
		plain("TrxInf", "TrxDtTm", &kindTime, mandatory, &m.TrxInf.TrxDtTm),
		{group: "TrxInf", name: "AuthMsg", kind: &kindCode, need: blank, secret: &m.TrxInf.AuthMsg},
		plain("TrxInf", "ClbckUrl", &kindURL, optional, &m.TrxInf.ClbckUrl),
		plain("InstgInf", "InstgId", &kindInstitution, mandatory, &m.InstgInf.InstgId),
		enciphered("InstgInf", "InstgAcct", &kindAccount, blank, &m.InstgInf.InstgAcct),
	}
}

func (m *SignReceipt) fields() []field {
	all := make([]field, 0, 16)
	all = m.SysRtnInf.fields(all, mandatory)
	all = m.BizInf.fields(all)
	g := &m.SgnInf
	all = append(all,
		plain("SgnInf", "SgnAcctIssrId", &kindInstitution, optional, &g.SgnAcctIssrId),
		plain("SgnInf", "SgnAcctTp", &kindTwoDigits, optional, &g.SgnAcctTp),
		enciphered("SgnInf", "SgnAcctId", &kindCard, optional, &g.SgnAcctId),
		enciphered("SgnInf", "SgnAcctNm", &kindName, optional, &g.SgnAcctNm),
		plain("SgnInf", "SgnAcctLvl", &kindLevel, optional, &g.SgnAcctLvl),
	)
	all = m.InstgInf.fields(all, optional)
	return append(all,
		plain("OriTrxInf", "TrxCtgy", &kindCategory, optional, &m.OriTrxInf.TrxCtgy),
		plain("OriTrxInf", "TrxId", &kindTrxID, optional, &m.OriTrxInf.TrxId),
		plain("OriTrxInf", "TrxDtTm", &kindTime, optional, &m.OriTrxInf.TrxDtTm),
	)
}

func (m *Unsign) fields() []field {
	all := make([]field, 0, 8)
	all = m.SgnInf.fields(all, mandatory)
	all = m.InstgInf.fields(all, mandatory)
	return m.RescindInf.fields(all, mandatory)
}

func (m *UnsignReceipt) fields() []field {
	all := make([]field, 0, 16)
	all = m.SysRtnInf.fields(all, optional)
	all = m.BizInf.fields(all)
	all = m.SgnInf.fields(all, optional)
	all = m.InstgInf.fields(all, optional)
	return m.RescindInf.fields(all, optional)
}

func (m *Query) fields() []field { return m.OriTrxInf.fields(make([]field, 0, 4), mandatory) }

func (m *QueryReceipt) fields() []field {
	all := make([]field, 0, 10)
	all = m.SysRtnInf.fields(all, mandatory)
	g := &m.BizInf
	all = append(all,
		plain("OriBizInf", "SgnNo", &kindAgreement, optional, &g.SgnNo),
		plain("OriBizInf", "BizStsCd", &kindResult, optional, &g.BizStsCd),
		plain("OriBizInf", "BizStsDesc", &kindDescription, optional, &g.BizStsDesc),
	)
	return m.OriTrxInf.fields(all, optional)
}

func (g *SystemResult) fields(all []field, code need) []field {
	return append(all,
		plain("SysRtnInf", "SysRtnCd", &kindResult, code, &g.SysRtnCd),
		plain("SysRtnInf", "SysRtnDesc", &kindDescription, optional, &g.SysRtnDesc),
		plain("SysRtnInf", "SysRtnTm", &kindTime, optional, &g.SysRtnTm),
	)
}

func (g *BizResult) fields(all []field) []field {
	return append(all,
		plain("BizInf", "SgnNo", &kindAgreement, optional, &g.SgnNo),
		plain("BizInf", "BizStsCd", &kindResult, optional, &g.BizStsCd),
		plain("BizInf", "BizStsDesc", &kindDescription, optional, &g.BizStsDesc),
	)
}

func (g *UnsignInfo) fields(all []field, n need) []field {
	return append(all,
		plain("SgnInf", "SgnAcctIssrId", &kindInstitution, n, &g.SgnAcctIssrId),
		plain("SgnInf", "SgnAcctTp", &kindTwoDigits, n, &g.SgnAcctTp),
		plain("SgnInf", "SgnAcctShrtId", &kindFourDigits, n, &g.SgnAcctShrtId),
		plain("SgnInf", "SgnNo", &kindAgreement, n, &g.SgnNo),
	)
}

func (g *Institution) fields(all []field, id need) []field {
	return append(all,
		plain("InstgInf", "InstgId", &kindInstitution, id, &g.InstgId),
		enciphered("InstgInf", "InstgAcct", &kindAccount, optional, &g.InstgAcct),
	)
}

func (g *Rescind) fields(all []field, n need) []field {
	return append(all,
		plain("RescindInf", "TrxId", &kindTrxID, n, &g.TrxId),
		plain("RescindInf", "TrxDtTm", &kindTime, n, &g.TrxDtTm),
	)
}

func (g *QueryTrx) fields(all []field, n need) []field {
	return append(all,
		plain("OriTrxInf", "OriTrxCtgy", &kindCategory, n, &g.OriTrxCtgy),
		plain("OriTrxInf", "OriTrxId", &kindTrxID, n, &g.OriTrxId),
		plain("OriTrxInf", "SrcInstgId", &kindInstitution, n, &g.SrcInstgId),
		plain("OriTrxInf", "SinkInstgId", &kindInstitution, n, &g.SinkInstgId),
	)
}
