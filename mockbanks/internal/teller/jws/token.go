package jws

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/secret"
	"kaqiao/profiles/wire"
	"kaqiao/profiles/wire/jws"
)

// maxTokens is how many tokens of a channel live at once; the oldest ends first.
const maxTokens = 10_000

// grant answers at the token's endpoint. A client is who shows a certificate
// that the channel's authority signed and names itself (tls_client_auth,
// found); its token is bound to that certificate (cnf x5t#S256, memory).
func (t *Teller) grant(frame wire.Frame) (teller.Answer, error) {
	head := t.reply(frame)
	refuse := func(status int64, code string) (teller.Answer, error) {
		return t.answer(&jws.TokenRefusal{Head: head, Status: status, Error: code}, code, "")
	}
	message, err := t.codec.Decode(frame)
	if err != nil {
		return refuse(http.StatusBadRequest, "invalid_request")
	}
	m, ok := message.(*jws.TokenRequest)
	switch {
	case !ok:
		return refuse(http.StatusBadRequest, "invalid_request")
	case m.ClientID != t.opts.ClientID, t.mutual && frame.Client == "":
		return refuse(http.StatusUnauthorized, "invalid_client")
	case m.Scope != "" && m.Scope != t.opts.Scope:
		return refuse(http.StatusBadRequest, "invalid_scope")
	}
	token := t.tokens.issue(frame.Client, t.now())
	return t.answer(&jws.Token{
		Head: head, AccessToken: secret.NewKey(token), TokenType: "Bearer",
		ExpiresIn: int64(t.tokens.life / time.Second), Scope: t.opts.Scope,
	}, "", "")
}

// tokens are those of one channel. They live in memory: a bank that starts
// anew knows none of them. What is kept of one is its hash.
type tokens struct {
	life  time.Duration
	limit int

	mu    sync.Mutex
	known map[[sha256.Size]byte]grant
	order [][sha256.Size]byte // by age
}

type grant struct {
	client string // of wire.Frame
	until  time.Time
}

func newTokens(life time.Duration, limit int) *tokens {
	return &tokens{life: life, limit: limit, known: make(map[[sha256.Size]byte]grant)}
}

func (t *tokens) issue(client string, now time.Time) string {
	token := rand.Text() + rand.Text()
	hash := sha256.Sum256([]byte(token))
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 && (len(t.order) >= t.limit || !now.Before(t.known[t.order[0]].until)) {
		delete(t.known, t.order[0])
		t.order = t.order[1:]
	}
	t.known[hash] = grant{client, now.Add(t.life)}
	t.order = append(t.order, hash)
	return token
}

// good reports whether a token lives and whoever brings it is whom it was given to.
func (t *tokens) good(token, client string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.known[sha256.Sum256([]byte(token))]
	return ok && g.client == client && now.Before(g.until)
}
