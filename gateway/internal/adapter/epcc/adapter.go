// Package epcc gives the messages of NetsUnion Clearing's agreement payment
// their meaning on the gateway's side. It is pure: no I/O, no clock, no state.
package epcc

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// Adapter speaks for one channel.
type Adapter struct {
	opts      epcc.Options
	documents map[string]string
	codes     map[key]entry
	overrides map[override]op.Reason
}

var (
	_ bank.Adapter  = (*Adapter)(nil)
	_ bank.Numberer = (*Adapter)(nil)
	_ bank.Requirer = (*Adapter)(nil)
	_ bank.Checker  = (*Adapter)(nil)
	_ bank.Doer     = (*Adapter)(nil)
	_ bank.Listener = (*Adapter)(nil)
)

// appPush is the challenge that the customer approves in the bank's APP.
const appPush = "app_push"

// What cannot be said in this protocol.
var (
	ErrOperation = errors.New("epcc has no message for this operation")
	ErrDocument  = errors.New("epcc has no code for this document type")
	ErrMobile    = errors.New("epcc takes mobile numbers of +86 only")
	ErrExpiry    = errors.New("expiry is not YYYY-MM")
)

// New returns the adapter of a channel with these options, completed with
// their defaults, and with the differing codes of the set's banks.
func New(opts epcc.Options, set *profiles.Set) *Adapter {
	a := &Adapter{
		opts: opts, documents: make(map[string]string, len(opts.DocumentTypes)),
		codes: table(), overrides: make(map[override]op.Reason),
	}
	for _, d := range opts.DocumentTypes {
		a.documents[d.Type] = d.IDTp
	}
	for _, b := range set.Banks {
		for _, rule := range b.Codes {
			a.overrides[override{b.ID, op.Kind(rule.Operation), rule.Code}] = op.Reason(rule.Reason)
		}
	}
	return a
}

// Request implements bank.Adapter. Verification without signing has no message of its own here.
func (a *Adapter) Request(o op.Operation) (wire.Message, error) {
	switch o.Kind {
	case op.Apply, op.Challenge:
		return a.sign(o, epcc.StepCode)
	case op.Confirm:
		return a.sign(o, epcc.StepSign)
	case op.Unsign:
		return a.unsign(o), nil
	case op.Query:
		return a.query(o)
	}
	return nil, ErrOperation
}

// Does implements bank.Doer. A code lapses by itself, and what is in doubt is asked about: there is nothing to cancel
// or to undo.
func (a *Adapter) Does(kind op.Kind) bool {
	switch kind {
	case op.Apply, op.Challenge, op.Confirm, op.Unsign, op.Query:
		return true
	}
	return false
}

// Number implements bank.Numberer: the 31 digits of a TrxId.
func (a *Adapter) Number(at time.Time, serial uint64) (string, error) {
	return epcc.TrxID(at, serial, a.opts)
}

// Requires implements bank.Requirer. A credit card's two go with every request
// for a code, and nothing keeps them in between. Of the sign that follows, only
// name, document, mobile and account must equal those of the code request (found).
func (a *Adapter) Requires(kind op.Kind, cardType string) []string {
	switch {
	case kind == op.Confirm:
		return []string{"code"}
	case kind == op.Challenge && a.creditFields(cardType):
		return []string{"card.cvv", "card.expiry"}
	}
	return nil
}

// Check implements bank.Checker.
func (a *Adapter) Check(p op.Person) []op.Field {
	var fields []op.Field
	at := func(pointer, message string) { fields = append(fields, op.Field{Pointer: pointer, Message: message}) }
	if len(p.Name.Reveal()) > epcc.MaxNameBytes {
		at("/holder/name", fmt.Sprintf("must be at most %d bytes in UTF-8, as %d Chinese characters are", epcc.MaxNameBytes, epcc.MaxNameBytes/3))
	}
	if _, ok := a.documents[p.DocumentType]; !ok {
		at("/holder/document/type", "must be a type of document that the bank's channel takes")
	}
	if !strings.HasPrefix(p.Mobile.Reveal(), "+86") {
		at("/holder/mobile", "must be a number of +86")
	}
	return fields
}

func (a *Adapter) creditFields(cardType string) bool {
	return a.opts.CreditFields != nil && *a.opts.CreditFields && cardType == "credit"
}

func (a *Adapter) sign(o op.Operation, step string) (wire.Message, error) {
	idType, ok := a.documents[o.Person.DocumentType]
	if !ok {
		return nil, ErrDocument
	}
	mobile, ok := strings.CutPrefix(o.Person.Mobile.Reveal(), "+86")
	if !ok {
		return nil, ErrMobile
	}
	m := &epcc.Sign{
		Header: a.header(o.At),
		SgnInf: epcc.SignInfo{
			SgnAcctIssrId: o.Member,
			SgnAcctTp:     a.accountType(o.Person.CardType),
			SgnAcctId:     o.Person.Card,
			SgnAcctNm:     o.Person.Name,
			IDTp:          idType,
			IDNo:          o.Person.Document,
			MobNo:         secret.NewMobile(mobile),
		},
		TrxInf:   epcc.SignTrx{TrxCtgy: step, TrxId: o.Number, TrxDtTm: clock(o.Begun)},
		InstgInf: epcc.Institution{InstgId: a.opts.Institution},
	}
	if step == epcc.StepCode && a.creditFields(o.Person.CardType) {
		expiry, err := monthYear(o.Person.Expiry)
		if err != nil {
			return nil, err
		}
		m.SgnInf.CVN2, m.SgnInf.VldDt = o.Person.CVV, expiry
	}
	if step == epcc.StepCode && o.Challenge == appPush { // approving signs, so the bank must know for whom
		m.TrxInf.ClbckUrl = a.opts.CallbackURL
		m.InstgInf.InstgAcct = secret.NewKey(o.Account)
	}
	if step == epcc.StepSign {
		m.TrxInf.AuthMsg = o.Code
		m.InstgInf.InstgAcct = secret.NewKey(o.Account)
	}
	return m, nil
}

func (a *Adapter) unsign(o op.Operation) wire.Message {
	return &epcc.Unsign{
		Header: a.header(o.At),
		SgnInf: epcc.UnsignInfo{
			SgnAcctIssrId: o.Member,
			SgnAcctTp:     a.accountType(o.CardType),
			SgnAcctShrtId: o.CardTail,
			SgnNo:         o.Agreement,
		},
		InstgInf:   epcc.Institution{InstgId: a.opts.Institution, InstgAcct: secret.NewKey(o.Account)},
		RescindInf: epcc.Rescind{TrxId: o.Number, TrxDtTm: clock(o.At)},
	}
}

func (a *Adapter) query(o op.Operation) (wire.Message, error) {
	if o.Original == nil || a.category(o.Original.Kind) == "" {
		return nil, ErrOperation
	}
	return &epcc.Query{
		Header: a.header(o.At),
		OriTrxInf: epcc.QueryTrx{
			OriTrxCtgy:  a.category(o.Original.Kind),
			OriTrxId:    o.Original.Number,
			SrcInstgId:  a.opts.Institution,
			SinkInstgId: o.Member,
		},
	}, nil
}

// category is the TrxCtgy under which the channel knows an operation.
func (a *Adapter) category(k op.Kind) string {
	switch k {
	case op.Apply, op.Challenge:
		return epcc.StepCode
	case op.Confirm:
		return epcc.StepSign
	case op.Unsign:
		return a.opts.UnsignCategory
	}
	return ""
}

func (a *Adapter) accountType(cardType string) string {
	if cardType == "credit" || cardType == "semi_credit" {
		return a.opts.CreditType
	}
	return a.opts.DebitType
}

func (a *Adapter) header(at time.Time) epcc.Header {
	return epcc.Header{SndDt: clock(at), IssrId: a.opts.Institution, Drctn: a.opts.Direction}
}

func clock(t time.Time) string { return t.In(profiles.Beijing).Format(epcc.TimeLayout) }

// monthYear turns YYYY-MM into MMYY.
func monthYear(e secret.Expiry) (secret.Expiry, error) {
	text := e.Reveal()
	if _, err := time.Parse("2006-01", text); err != nil {
		return secret.Expiry{}, ErrExpiry // err would quote it
	}
	return secret.NewExpiry(text[5:] + text[2:4]), nil
}
