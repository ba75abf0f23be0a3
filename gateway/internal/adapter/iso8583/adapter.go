// Package iso8583 gives the messages of ISO 8583 in the CUPS dialect, as
// package wire/iso8583 declares it, their meaning on the gateway's side. The
// adapter is pure: no I/O, no clock, no state. The session beside it keeps a
// line signed on and its keys fresh.
package iso8583

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/iso8583"
)

// Limits of field 61.
const (
	maxName     = 120 // bytes of GBK
	maxDocument = 20  // characters
)

// Adapter speaks for one channel.
type Adapter struct {
	opts      iso8583.Options
	set       *profiles.Set
	documents map[string]string
	banks     map[string]string // id by number on the channel
	codes     map[key]entry
	overrides map[override]op.Reason
}

var (
	_ bank.Adapter  = (*Adapter)(nil)
	_ bank.Numberer = (*Adapter)(nil)
	_ bank.Requirer = (*Adapter)(nil)
	_ bank.Checker  = (*Adapter)(nil)
	_ bank.Doer     = (*Adapter)(nil)
	_ bank.Signer   = (*Adapter)(nil)
	_ bank.Finder   = (*Adapter)(nil)
	_ bank.Listener = (*Adapter)(nil)
)

// What cannot be said in this protocol.
var (
	ErrOperation = errors.New("iso8583 has no message for this operation")
	ErrDocument  = errors.New("iso8583 has no code for this document type")
	ErrMobile    = errors.New("iso8583 takes mobile numbers of +86 only")
	ErrExpiry    = errors.New("expiry is not YYYY-MM")
)

// New returns the adapter of a channel with these options, completed with
// their defaults, and with the differing codes of the set's banks.
func New(opts iso8583.Options, channel string, set *profiles.Set) *Adapter {
	a := &Adapter{
		opts: opts, set: set, documents: make(map[string]string, len(opts.DocumentTypes)), banks: make(map[string]string),
		codes: table(), overrides: make(map[override]op.Reason),
	}
	for _, d := range opts.DocumentTypes {
		a.documents[d.Type] = d.Code
	}
	for _, b := range set.Banks {
		for _, route := range b.Routes {
			if route.Channel == channel {
				a.banks[route.Member] = b.ID
			}
		}
		for _, rule := range b.Codes {
			a.overrides[override{b.ID, op.Kind(rule.Operation), rule.Code}] = op.Reason(rule.Reason)
		}
	}
	return a
}

// Peer is whom the lines of the channel lead to: the hub, or else the one bank behind it.
func (a *Adapter) Peer() (string, error) {
	if a.opts.Hub != "" {
		return a.opts.Hub, nil
	}
	if len(a.banks) > 1 {
		return "", errors.New("option hub must be set: there are more banks than one behind the channel")
	}
	for member := range a.banks {
		return member, nil
	}
	return a.opts.Institution, nil // no bank will ever be asked
}

// Request implements bank.Adapter.
func (a *Adapter) Request(o op.Operation) (wire.Message, error) {
	switch o.Kind {
	case op.Verify, op.Apply, op.Challenge, op.Confirm:
		return a.identified(o)
	case op.Unsign:
		return a.unsign(o)
	case op.Reverse:
		return a.reverse(o)
	}
	return nil, ErrOperation
}

// Does implements bank.Doer. There is no query, and nothing to cancel: a code lapses by itself.
func (a *Adapter) Does(kind op.Kind) bool { return kind != op.Query && kind != op.Cancel }

// Number implements bank.Numberer: 20 digits, of which the last sixteen travel as fields 7 and 11.
func (a *Adapter) Number(at time.Time, serial uint64) (string, error) {
	return iso8583.Number(at, serial)
}

// Renumbers implements bank.Signer: every message has a number of its own.
// That of the set-up goes with the sign in field 48.
func (a *Adapter) Renumbers(op.Kind) bool { return true }

// Truth implements bank.Finder. There is no query in this protocol: a signing
// that is unknown is reversed; a cancel may be said again, and does nothing
// twice; a verification leaves nothing to be found out.
func (a *Adapter) Truth(kind op.Kind) op.Truth {
	switch kind {
	case op.Unsign, op.Verify:
		return op.ByRepeat
	}
	return op.ByReversal
}

// Requires implements bank.Requirer. A sign says again who the holder is, in
// field 61; with a credit card, CVV and expiry belong to it (inferred).
func (a *Adapter) Requires(kind op.Kind, cardType string) []string {
	var all []string
	if kind == op.Confirm {
		all = append(all, "code")
	}
	if cardType == "credit" && (kind == op.Challenge || kind == op.Confirm && a.signsWithCard()) {
		all = append(all, "card.cvv", "card.expiry")
	}
	return all
}

func (a *Adapter) signsWithCard() bool { return a.opts.SignCredit == nil || *a.opts.SignCredit }

// Check implements bank.Checker.
func (a *Adapter) Check(p op.Person) []op.Field {
	var fields []op.Field
	at := func(pointer, message string) { fields = append(fields, op.Field{Pointer: pointer, Message: message}) }
	gbk, err := simplifiedchinese.GBK.NewEncoder().String(p.Name.Reveal())
	switch {
	case err != nil:
		at("/holder/name", "must be in characters that the bank's channel can carry (GBK)")
	case len(gbk) > maxName:
		at("/holder/name", fmt.Sprintf("must be at most %d bytes in GBK, as %d Chinese characters are", maxName, maxName/2))
	}
	if _, ok := a.documents[p.DocumentType]; !ok {
		at("/holder/document/type", "must be a type of document that the bank's channel takes")
	}
	if len(p.Document.Reveal()) > maxDocument {
		at("/holder/document/number", fmt.Sprintf("must be at most %d characters", maxDocument))
	}
	if !strings.HasPrefix(p.Mobile.Reveal(), "+86") {
		at("/holder/mobile", "must be a number of +86")
	}
	return fields
}

// identified are the messages with field 61.
func (a *Adapter) identified(o op.Operation) (wire.Message, error) {
	m, err := a.request(o)
	if err != nil {
		return nil, err
	}
	if m.Common.Identity, err = a.identity(o.Person); err != nil {
		return nil, err
	}
	if !o.Person.Expiry.IsZero() {
		if m.Common.Expiry, err = yearMonth(o.Person.Expiry); err != nil {
			return nil, err
		}
	}
	switch o.Kind {
	case op.Apply, op.Challenge: // every set-up is an order of its own
		m.Common.Usages.Order = o.Number
	case op.Confirm:
		m.Common.Usages.Order, m.Common.Usages.Code = o.Signing, o.Code
		m.Common.Usages.Wallet = secret.NewKey(o.Account)
	}
	return m, nil
}

func (a *Adapter) unsign(o op.Operation) (wire.Message, error) {
	m, err := a.request(o)
	if err != nil {
		return nil, err
	}
	m.Common.Usages.Agreement, m.Common.Usages.Wallet = o.Agreement, secret.NewKey(o.Account)
	return m, nil
}

// reverse undoes an operation by its number. It moves no money, and says so.
func (a *Adapter) reverse(o op.Operation) (wire.Message, error) {
	if o.Original == nil || a.processing(o.Original.Kind) == "" {
		return nil, ErrOperation
	}
	m, err := a.request(o)
	if err != nil {
		return nil, err
	}
	of, err := iso8583.TraceOfNumber(o.Original.Number)
	if err != nil {
		return nil, err
	}
	m.Common.AmountFen = "000000000000"
	original := *m
	original.Trace = of
	return &iso8583.Reversal{
		Header: m.Header, Trace: m.Trace, Repeat: o.Repeat > 0, Common: m.Common, Original: iso8583.OriginalOf(&original),
	}, nil
}

// request is what all messages have in common.
func (a *Adapter) request(o op.Operation) (*iso8583.Request, error) {
	trace, err := iso8583.TraceOfNumber(o.Number)
	if err != nil {
		return nil, err
	}
	kind := o.Kind
	if kind == op.Reverse {
		kind = o.Original.Kind
	}
	return &iso8583.Request{
		Header: iso8583.Header{Destination: a.destination(o.Member), Source: a.opts.Institution},
		Trace:  trace,
		Common: iso8583.Common{
			PAN: o.Person.Card, ProcessingCode: a.processing(kind),
			LocalTime: trace.Transmitted[4:], LocalDate: trace.Transmitted[:4], Reference: o.Number[8:],
			MerchantType: a.opts.MerchantType, EntryMode: a.opts.EntryMode, ConditionCode: a.opts.ConditionCode,
			Acquirer: a.opts.Institution, Forwarder: a.opts.Institution, Receiver: o.Member,
			Terminal: a.opts.Terminal, Merchant: a.opts.Merchant, MerchantName: a.opts.MerchantName, Currency: a.opts.Currency,
			Details: iso8583.Details{TerminalType: a.opts.TerminalType, FeeReserved: "00" + a.opts.MACFlag()},
		},
	}, nil
}

// destination is whom the header names: the hub, or else the bank.
func (a *Adapter) destination(member string) string {
	if a.opts.Hub != "" {
		return a.opts.Hub
	}
	return member
}

// processing is field 3 of an operation.
func (a *Adapter) processing(kind op.Kind) string {
	switch kind {
	case op.Verify:
		return a.opts.VerifyCode
	case op.Apply, op.Challenge:
		return a.opts.SetUpCode
	case op.Confirm:
		return a.opts.SignCode
	case op.Unsign:
		return a.opts.CancelCode
	}
	return ""
}

func (a *Adapter) identity(p op.Person) (iso8583.Identity, error) {
	code, ok := a.documents[p.DocumentType]
	if !ok {
		return iso8583.Identity{}, ErrDocument
	}
	mobile, ok := strings.CutPrefix(p.Mobile.Reveal(), "+86")
	if !ok {
		return iso8583.Identity{}, ErrMobile
	}
	cvn2 := p.CVV
	if cvn2.IsZero() {
		cvn2 = secret.NewCVV(iso8583.NoCVN2)
	}
	return iso8583.Identity{
		DocumentType: code, Document: p.Document, CVN2: cvn2, Name: p.Name, Mobile: secret.NewMobile(mobile),
	}, nil
}

// yearMonth turns YYYY-MM into YYMM.
func yearMonth(e secret.Expiry) (secret.Expiry, error) {
	text := e.Reveal()
	if _, err := time.Parse("2006-01", text); err != nil {
		return secret.Expiry{}, ErrExpiry // err would quote it
	}
	return secret.NewExpiry(text[2:4] + text[5:]), nil
}
