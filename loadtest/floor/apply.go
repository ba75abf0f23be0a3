package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/labstack/echo/v4"

	"kaqiao/profiles"
	"kaqiao/profiles/wire/seal"
)

// request is the part of a body that the floor looks at.
type request struct {
	UserID string `json:"user_id"`
	Card   struct {
		Number string `json:"number"`
	} `json:"card"`
	Holder struct {
		Name     string `json:"name"`
		Mobile   string `json:"mobile"`
		Document struct {
			Number string `json:"number"`
		} `json:"document"`
	} `json:"holder"`
}

// binding is as long as the gateway's answer.
type binding struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	Bank      string    `json:"bank"`
	Last4     string    `json:"last4"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

var numbers atomic.Uint64

func (f *floor) apply(c echo.Context) error {
	body, err := io.ReadAll(c.Request().Body)
	must(err)
	var in request
	must(json.Unmarshal(body, &in))
	keyedHash([]byte(c.Request().Header.Get("Authorization")))
	now, n := time.Now(), numbers.Add(1)
	row := meant{
		id: fmt.Sprintf("bnd_01HQ%022d", n), attempt: fmt.Sprintf("att_01HQ%022d", n), user: in.UserID, at: now,
		number: now.In(profiles.Beijing).Format("20060102") + fmt.Sprintf("%016d", n) + "0760001",
		key:    c.Request().Header.Get("Idempotency-Key"), fingerprint: keyedHash(body),
		card: keyedHash([]byte(in.Card.Number)), last4: in.Card.Number[len(in.Card.Number)-4:],
		sealed: sealPerson(body[:min(len(body), 120)]),
	}
	f.rows.commit(row.intend)

	answer := f.exchange(f.message(in, row))
	f.check(answer)

	out, err := json.Marshal(binding{row.id, "awaiting_code", "abc", row.last4, now, now.Add(15 * time.Minute)})
	must(err)
	row.answer = append(out, bytes.Repeat([]byte(" "), max(0, 700-len(out)))...)
	f.rows.commit(row.settle)
	c.Response().Header().Set("Kaqiao-Bank-Number", row.number)
	return c.JSONBlob(http.StatusCreated, row.answer)
}

// message is the request for a code, as EPCC writes it.
func (f *floor) message(in request, row meant) []byte {
	key := make([]byte, 16)
	_, _ = rand.Read(key)
	envelope, err := seal.EncryptSM2(rand.Reader, f.to, []byte("02|"+hex.EncodeToString(key)))
	must(err)
	block, err := seal.NewSM4(key)
	must(err)
	field := func(text string) string {
		return base64.StdEncoding.EncodeToString(seal.EncryptECB(block, []byte(text)))
	}
	at := row.at.In(profiles.Beijing).Format("2006-01-02T15:04:05")
	text := make([]byte, 0, 2048)
	text = append(text, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"...)
	start := len(text)
	text = fmt.Appendf(text, `<root xmlns="namespace_string"><MsgHeader><SndDt>%s</SndDt><MsgTp>epcc.101.001.01</MsgTp>`+
		`<IssrId>Z2000000000001</IssrId><Drctn>11</Drctn><SignSN>%s</SignSN><NcrptnSN>%s</NcrptnSN><DgtlEnvlp>%s</DgtlEnvlp></MsgHeader>`+
		`<MsgBody><SgnInf><SgnAcctIssrId>C1010311000014</SgnAcctIssrId><SgnAcctTp>00</SgnAcctTp><SgnAcctId>%s</SgnAcctId>`+
		`<SgnAcctNm>%s</SgnAcctNm><IDTp>01</IDTp><IDNo>%s</IDNo><MobNo>%s</MobNo></SgnInf>`+
		`<TrxInf><TrxCtgy>0201</TrxCtgy><TrxId>%s</TrxId><TrxDtTm>%s</TrxDtTm></TrxInf>`+
		`<InstgInf><InstgId>Z2000000000001</InstgId></InstgInf></MsgBody></root>`,
		at, f.serials[0], f.serials[1], base64.StdEncoding.EncodeToString(envelope),
		field(in.Card.Number), field(in.Holder.Name), field(in.Holder.Document.Number), field(in.Holder.Mobile[3:]), row.number, at)
	signature, err := f.sign.Sign(rand.Reader, text[start:], sm2.DefaultSM2SignerOpts)
	must(err)
	text = append(text, "\n{S:"...)
	return append(base64.StdEncoding.AppendEncode(text, signature), '}')
}

func (f *floor) exchange(frame []byte) []byte {
	r, err := http.NewRequest(http.MethodPost, f.hub, bytes.NewReader(frame)) //nolint:noctx // a floor waits
	must(err)
	r.Header["Content-Type"] = []string{"application/xml;charset=utf-8"}
	r.Header["MsgTp"] = []string{"epcc.101.001.01"}
	r.Header["OriIssrId"] = []string{"Z2000000000001"}
	r.Header["PyerAcctTp"] = []string{"00"}
	answer, err := f.client.RoundTrip(r)
	must(err)
	text, err := io.ReadAll(answer.Body)
	must(err)
	must(answer.Body.Close())
	return text
}

// check verifies an answer's signature and opens its two enveloped fields.
func (f *floor) check(text []byte) {
	signed := text[bytes.Index(text, []byte("<root")) : bytes.Index(text, []byte("</root>"))+len("</root>")]
	signature := decode(between(text, "{S:", "}"))
	if !sm2.VerifyASN1WithSM2(f.verify, nil, signed, signature) {
		panic("the answer's signature is wrong: " + string(text))
	}
	if string(between(text, "<SysRtnCd>", "</SysRtnCd>")) != "00000000" {
		panic("the hub refuses: " + string(text))
	}
	plain, err := seal.DecryptSM2(f.open, decode(between(text, "<DgtlEnvlp>", "</DgtlEnvlp>")))
	must(err)
	key, err := hex.DecodeString(string(plain[3:]))
	must(err)
	block, err := seal.NewSM4(key)
	must(err)
	for _, name := range []string{"SgnAcctId", "SgnAcctNm"} {
		_, err := seal.DecryptECB(block, decode(between(text, "<"+name+">", "</"+name+">")))
		must(err)
	}
}

func between(text []byte, from, to string) []byte {
	_, rest, _ := bytes.Cut(text, []byte(from))
	inner, _, _ := bytes.Cut(rest, []byte(to))
	return inner
}

func decode(text []byte) []byte {
	out, err := base64.StdEncoding.AppendDecode(nil, text)
	must(err)
	return out
}

func keyedHash(text []byte) []byte {
	mac := hmac.New(func() hash.Hash { return sm3.New() }, make([]byte, 32))
	mac.Write(text)
	return mac.Sum(nil)
}
