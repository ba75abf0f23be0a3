// Package jws gives the messages of signed JSON over HTTP (the UK Open Banking
// family) their meaning on the gateway's side. It is pure: no I/O, no clock.
//
// At these banks an apply begins a review by people, which takes minutes to
// days: it is Pending, and what they say is the agreement or the refusal. There
// is no code to bring, so there is neither confirm nor challenge: who has not
// been called yet can't be called twice.
package jws

import (
	"errors"
	"fmt"
	"time"

	"kaqiao/gateway/internal/bank"
	"kaqiao/gateway/internal/op"
	"kaqiao/profiles"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
)

// maxNameBytes is the longest name that a message takes, in UTF-8.
const maxNameBytes = 140

// Adapter speaks for one channel.
type Adapter struct {
	opts      jws.Options
	codec     wire.Codec // for tokens
	codes     map[key]entry
	overrides map[override]op.Reason
	members   map[string]string // bank id by its number on the channel
}

var (
	_ bank.Adapter  = (*Adapter)(nil)
	_ bank.Requirer = (*Adapter)(nil)
	_ bank.Checker  = (*Adapter)(nil)
	_ bank.Doer     = (*Adapter)(nil)
	_ bank.Listener = (*Adapter)(nil)
)

// ErrOperation: what cannot be said in this protocol.
var ErrOperation = errors.New("jws has no message for this operation")

// New returns the adapter of a channel of this id and codec, and with the differing codes of the set's banks.
func New(channel string, codec *jws.Codec, set *profiles.Set) *Adapter {
	a := &Adapter{
		opts: codec.Options(), codec: codec, codes: table(), overrides: make(map[override]op.Reason), members: make(map[string]string),
	}
	for _, b := range set.Banks {
		for _, route := range b.Routes {
			if route.Channel == channel {
				a.members[route.Member] = b.ID
			}
		}
		for _, rule := range b.Codes {
			a.overrides[override{b.ID, op.Kind(rule.Operation), rule.Code}] = op.Reason(rule.Reason)
		}
	}
	return a
}

// Request implements bank.Adapter.
func (a *Adapter) Request(o op.Operation) (wire.Message, error) {
	head := jws.Head{IssuedAt: o.At.Unix(), Bank: o.Member}
	switch o.Kind {
	case op.Verify:
		return &jws.Verification{Head: head, RequestID: o.Number, Account: accountOf(o.Person), Holder: holderOf(o.Person)}, nil
	case op.Apply:
		head.AuthDate = o.Begun.UTC().Truncate(time.Second).Format(time.RFC3339) // the customer is there
		return &jws.ConsentRequest{
			Head: head, RequestID: o.Number, Account: accountOf(o.Person), Holder: holderOf(o.Person),
			WalletAccount: secret.NewKey(o.Account), Challenge: challengeOf(o.Challenge),
		}, nil
	case op.Unsign:
		return &jws.Revocation{
			Head: head, RequestID: o.Number, MandateID: o.Agreement, WalletAccount: secret.NewKey(o.Account), AccountTail: o.CardTail,
		}, nil
	case op.Query:
		return query(o, head)
	}
	return nil, ErrOperation
}

// query asks by our number. A verification leaves nothing to be found out.
func query(o op.Operation, head jws.Head) (wire.Message, error) {
	if o.Original != nil {
		switch o.Original.Kind {
		case op.Apply:
			return &jws.ConsentQuery{Head: head, RequestID: o.Original.Number}, nil
		case op.Unsign:
			return &jws.RevocationQuery{Head: head, RequestID: o.Original.Number}, nil
		}
	}
	return nil, ErrOperation
}

// Does implements bank.Doer.
func (a *Adapter) Does(kind op.Kind) bool {
	switch kind {
	case op.Verify, op.Apply, op.Unsign, op.Query:
		return true
	}
	return false
}

// Requires implements bank.Requirer: nothing is brought later.
func (a *Adapter) Requires(op.Kind, string) []string { return nil }

// Check implements bank.Checker.
func (a *Adapter) Check(p op.Person) []op.Field {
	if len(p.Name.Reveal()) > maxNameBytes {
		return []op.Field{{Pointer: "/holder/name", Message: fmt.Sprintf("must be at most %d bytes in UTF-8", maxNameBytes)}}
	}
	return nil
}

func accountOf(p op.Person) jws.Account { return jws.Account{Number: p.Card, Type: p.CardType} }

func holderOf(p op.Person) jws.Holder {
	return jws.Holder{Name: p.Name, DocumentType: p.DocumentType, Document: p.Document, Mobile: p.Mobile}
}

// challengeOf leaves to the bank what the protocol has no word for.
func challengeOf(kind string) string {
	if kind == "email" || kind == "phone" {
		return kind
	}
	return ""
}
