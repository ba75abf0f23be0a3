// Package epcc is what NetsUnion and the banks behind it mean by the messages
// of agreement payment. It is strict: what a real hub or bank would refuse is
// refused, in the order in which they look.
package epcc

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/epcc"
)

// Teller speaks for one hub and its members.
type Teller struct {
	channel    string
	opts       epcc.Options
	staleAfter time.Duration
	codec      wire.Codec
	directory  teller.Directory
	now        func() time.Time
	log        *slog.Logger
}

var (
	_ teller.Teller   = (*Teller)(nil)
	_ teller.Notifier = (*Teller)(nil)
)

// New returns the teller of a channel. Options are complete: those of the codec.
func New(cfg teller.Config, opts epcc.Options) *Teller {
	return &Teller{
		channel: cfg.Channel.ID, opts: opts, staleAfter: opts.StaleLimit(),
		codec: cfg.Codec, directory: cfg.Directory, now: cfg.Now, log: cfg.Log,
	}
}

// refusal is why the hub sends a request back.
type refusal struct {
	code  string
	about string // for the log of whoever debugs a client; it quotes nothing
}

// Understand implements teller.Teller.
func (t *Teller) Understand(frame wire.Frame) (teller.Call, teller.Answer, error) {
	message, err := t.codec.Decode(frame)
	if err != nil {
		answer, err := t.refuse(refusal{codeOfFault(err), err.Error()})
		return nil, answer, err
	}
	var c teller.Call
	var no *refusal
	switch m := message.(type) {
	case *epcc.Sign:
		c, no = t.sign(frame, m)
	case *epcc.Unsign:
		c, no = t.unsign(frame, m)
	case *epcc.Query:
		c, no = t.query(frame, m)
	default:
		no = &refusal{notMember, "no message that a hub is asked with"}
	}
	if no != nil {
		answer, err := t.refuse(*no)
		return nil, answer, err
	}
	return c, teller.Answer{}, nil
}

// codeOfFault is the hub's word for what the grammar says of a frame.
func codeOfFault(err error) string {
	switch {
	case errors.Is(err, wire.ErrSealMissing):
		return sealMissing
	case errors.Is(err, wire.ErrEnvelope): // before ErrKey: NcrptnSN names a key too
		return badEnvelope
	case errors.Is(err, wire.ErrSeal), errors.Is(err, wire.ErrKey):
		return sealWrong
	case errors.Is(err, wire.ErrUnknownType):
		return notMember
	case errors.Is(err, wire.ErrField):
		return fieldFault
	}
	return malformed
}

// refuse answers with the generic system message.
func (t *Teller) refuse(no refusal) (teller.Answer, error) {
	t.log.Debug("the hub refuses", "channel", t.channel, "code", no.code, "about", no.about)
	return t.answer(&epcc.System{Header: t.header(), SysRtnInf: t.result(no.code)}, no.code, "")
}

// answer seals what goes back. Code is the deciding one of its two layers.
func (t *Teller) answer(m wire.Message, code, agreement string) (teller.Answer, error) {
	frame, err := t.codec.Encode(m)
	if err != nil {
		return teller.Answer{}, fmt.Errorf("encode the answer %s: %w", m.Type(), err)
	}
	if code == success {
		code = ""
	}
	return teller.Answer{Frame: frame, Message: m, Code: code, Agreement: agreement}, nil
}

func (t *Teller) header() epcc.Header {
	return epcc.Header{SndDt: t.stamp(), IssrId: t.opts.Platform, Drctn: t.opts.AnswerDirection}
}

func (t *Teller) stamp() string { return t.now().In(profiles.Beijing).Format(epcc.TimeLayout) }

func (t *Teller) result(code string) epcc.SystemResult {
	return epcc.SystemResult{SysRtnCd: code, SysRtnDesc: words[code], SysRtnTm: t.stamp()}
}

// checkHeader checks what stands before every body: the transport's lines and MsgHeader.
func (t *Teller) checkHeader(frame wire.Frame, m wire.Message, h epcc.Header) *refusal {
	sent, err := time.ParseInLocation(epcc.TimeLayout, h.SndDt, profiles.Beijing)
	off := t.now().Sub(sent)
	switch {
	case !strings.EqualFold(frame.Header("MsgTp"), m.Type()):
		return &refusal{fieldFault, "the transport's header MsgTp is missing or another than the body's"}
	case frame.Header("OriIssrId") != "" && frame.Header("OriIssrId") != h.IssrId:
		return &refusal{fieldFault, "the transport's header OriIssrId is another than IssrId"}
	case h.IssrId != t.opts.Institution:
		return &refusal{notAllowed, "IssrId is not the channel's institution"}
	case h.Drctn != t.opts.Direction:
		return &refusal{fieldFault, "Drctn is not the institution's direction"}
	case err != nil:
		return &refusal{badValue, "SndDt is no time"}
	case off > t.staleAfter || off < -t.staleAfter:
		return &refusal{stale, "SndDt is too far from the hub's clock"}
	}
	return nil
}

// checkNumber checks a TrxId: 31 digits, of which the first eight are a day
// that is today in Beijing, or the day before or after where midnight is passed on the way.
func (t *Teller) checkNumber(id string) *refusal {
	if len(id) != 31 || !digits(id) {
		return &refusal{badValue, "TrxId is not 31 digits"}
	}
	day, err := time.ParseInLocation("20060102", id[:8], profiles.Beijing)
	now := t.now().In(profiles.Beijing)
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, profiles.Beijing)
	if off := today.Sub(day); err != nil || off > 24*time.Hour || off < -24*time.Hour {
		return &refusal{badValue, "TrxId does not begin with today's date"}
	}
	return nil
}

func checkTime(field, text string) *refusal {
	if _, err := time.ParseInLocation(epcc.TimeLayout, text, profiles.Beijing); err != nil {
		return &refusal{badValue, field + " is no time"}
	}
	return nil
}

// first returns the first refusal that there is.
func first(list ...*refusal) *refusal {
	for _, no := range list {
		if no != nil {
			return no
		}
	}
	return nil
}

// unless refuses where something does not hold.
func unless(ok bool, code, about string) *refusal {
	if ok {
		return nil
	}
	return &refusal{code, about}
}

func digits(s string) bool {
	for _, b := range []byte(s) {
		if b < '0' || b > '9' {
			return false
		}
	}
	return s != ""
}
