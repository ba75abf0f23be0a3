package farm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"kaqiao/mockbanks/internal/behave"
	"kaqiao/mockbanks/internal/listen"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/mockbanks/internal/teller/all"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/seal"
)

// channel is one hub: a port, a teller, a behaviour of its own, and the banks
// behind it. A direct bank is a channel with one member.
type channel struct {
	farm      *Farm
	profile   *profiles.Channel
	members   map[string]*bank // by their numbers on the channel
	behaviour *behave.Behaviour
	teller    teller.Teller
	exchanges *exchanges // those that the hub itself refused
	counters  counters

	contentType string // of its messages over HTTP, notices too
	routes      []listen.Route
	framing     *listen.Framing // of its messages over long lines; nil: none
	toGateway   *http.Client    // brings notices
	listen      opener
	port        port
}

var _ teller.Directory = (*channel)(nil)

func newChannel(f *Farm, p *profiles.Channel) (*channel, error) {
	c := &channel{farm: f, profile: p, members: make(map[string]*bank), exchanges: newExchanges(f.cfg.Exchanges)}
	for _, b := range f.order {
		if number := b.member(p.ID); number != "" {
			c.members[number] = b
		}
	}
	var err error
	c.behaviour, err = behave.New(behave.Config{
		Seed: f.cfg.Seed, Subject: "channel/" + p.ID, Now: f.now,
		Own: behave.Layer{Latency: p.Mock.Latency, Faults: p.Mock.Faults}, Protocols: []string{p.Protocol},
	})
	if err != nil {
		return nil, err
	}
	protocol, err := all.Named(p.Protocol)
	if err != nil {
		return nil, err
	}
	ring, err1 := p.Ring(seal.Bank, f.cfg.KeyDir)
	secure, err2 := p.ServerTLS(f.cfg.KeyDir)
	shown, err3 := p.NoticeTLS(f.cfg.KeyDir)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	c.toGateway = noticeClient(shown)
	c.teller, err = protocol.New(teller.Config{
		Channel: p, Directory: c, Members: slices.Sorted(maps.Keys(c.members)), Now: f.now, Log: f.log,
	}, ring)
	if err != nil {
		return nil, err
	}
	c.contentType, c.routes, c.framing = protocol.ContentType, protocol.Routes, protocol.Framing
	if c.listen, err = c.opener(secure); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *channel) open(ctx context.Context) (err error) {
	c.port, err = c.listen(ctx)
	return err
}

func (c *channel) address() string { return c.port.Address().String() }

// Member implements teller.Directory.
func (c *channel) Member(number string) (string, bool) {
	b, ok := c.members[number]
	if !ok {
		return "", false
	}
	return b.profile.ID, true
}

// Ledger implements teller.Directory.
func (c *channel) Ledger(_ context.Context, id string) (teller.Ledger, error) {
	b := c.farm.banks[id]
	if b == nil {
		return nil, fmt.Errorf("no bank %s", id)
	}
	return b.books()
}

// handle is one exchange, from its bytes to its fate.
func (c *channel) handle(ctx context.Context, frame wire.Frame) listen.Outcome {
	return c.exchange(ctx, c.teller, frame)
}

// exchange is handle with a teller that may be one line's.
func (c *channel) exchange(ctx context.Context, t teller.Teller, frame wire.Frame) listen.Outcome {
	began := c.farm.now()
	call, own, err := t.Understand(frame)
	if err != nil {
		c.farm.log.Error("no answer could be made", "channel", c.profile.ID, "error", err)
		return listen.Outcome{Fate: listen.Reset}
	}
	if call == nil {
		return c.answerItself(began, own)
	}
	v := c.plan(call, began)
	outcome := v.play(ctx)
	c.counters.count(v.facts.Operation, v.kept.outcome)
	return outcome
}

// answerItself is an exchange that the hub ends: it refuses, or speaks of the line and its keys.
func (c *channel) answerItself(began time.Time, own teller.Answer) listen.Outcome {
	if own.Frame.Body == nil {
		return listen.Outcome{}
	}
	outcome := answered
	if own.Code != "" {
		outcome = refused
	}
	c.exchanges.add(exchange{
		at: began, outcome: outcome, refusal: own.Code, took: c.farm.now().Sub(began), answer: own.Message,
	})
	c.counters.count("", outcome)
	return listen.Outcome{Fate: listen.Reply, Frame: own.Frame}
}

// visit is one call on its way through the hub to a bank and back, with its plan.
type visit struct {
	*channel
	call  teller.Call
	facts teller.Facts
	bank  *bank
	key   behave.Key

	hubDelay, bankDelay time.Duration
	hubFault, bankFault string
	fault               profiles.Fault // whichever of the two strikes

	kept exchange
}

// plan asks for the delays and the fault. A fault of the hub spares the bank its own.
func (c *channel) plan(call teller.Call, began time.Time) *visit {
	facts := call.Facts()
	v := &visit{channel: c, call: call, facts: facts, bank: c.farm.banks[facts.Bank]}
	v.key = c.farm.key(facts.Operation, facts.Subject, facts.IsCard, facts.Number)
	v.hubDelay = c.behaviour.Delay(facts.Operation, v.key)
	v.bankDelay = v.bank.behaviour.Delay(facts.Operation, v.key)
	if v.fault = c.behaviour.Fault(c.profile.Protocol, facts.Operation, v.key); v.fault.Kind != "" {
		v.hubFault = v.fault.Kind
	} else {
		v.fault = v.bank.behaviour.Fault(c.profile.Protocol, facts.Operation, v.key)
		v.bankFault = v.fault.Kind
	}
	v.kept = exchange{
		at: began, operation: facts.Operation, number: facts.Number, request: facts.Request,
		drawn: v.hubDelay + v.bankDelay, fault: v.fault.Kind,
	}
	return v
}

// noise is what a fault of the kind garbage sends: bytes of no protocol, the same for the same key.
func noise(key behave.Key) []byte {
	out := make([]byte, 256)
	_, _ = chaos(key).Read(out) // never fails
	return out
}

// chaos is a source of chance, the same for the same key.
func chaos(key behave.Key) *rand.ChaCha8 {
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], key.Card)
	binary.BigEndian.PutUint32(seed[8:], key.Ordinal)
	return rand.NewChaCha8(seed)
}
