package farm

import (
	"fmt"
	"math/rand/v2"

	"kaqiao/mockbanks/internal/behave"
	"kaqiao/mockbanks/internal/listen"
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire"
)

// spares reports whether the fault of this call leaves its bank unasked.
func (v *visit) spares(kind string) bool {
	switch kind {
	case "busy", "no_reply_before_commit", "reset_before_commit":
		return true
	case "http_5xx":
		return !v.fault.AfterCommit
	}
	return false
}

// spoil makes an answer wrong where the fault wants that.
func (v *visit) spoil(answer teller.Answer) (wire.Frame, error) {
	if v.fault.Kind != "bad_signature" && v.fault.Kind != "wrong_charset" {
		return answer.Frame, nil
	}
	spoiler, ok := v.teller.(teller.Spoiler)
	if !ok {
		return answer.Frame, fmt.Errorf("%s: %w", v.profile.Protocol, teller.ErrUnspoilt)
	}
	if v.fault.Kind == "wrong_charset" {
		return spoiler.Miscoded(answer)
	}
	return spoiler.Missealed(answer.Frame)
}

// fail answers as a server does that is out of order: it speaks HTTP and no more.
func (v *visit) fail() listen.Outcome {
	v.keep(garbage, teller.Answer{})
	return listen.Outcome{Fate: listen.Reply, Frame: outOfOrder(v.key)}
}

// outOfOrder is a page of 500, 502 or 503, or such a status with nothing, the same for the same key.
func outOfOrder(key behave.Key) wire.Frame {
	chance := rand.New(chaos(key)) //nolint:gosec // a fate, no secret
	f := wire.Frame{Status: []int{500, 502, 503}[chance.IntN(3)], Body: []byte{}}
	if chance.IntN(2) == 0 {
		words := map[int]string{500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable"}[f.Status]
		f.Headers = []wire.Header{{Name: "Content-Type", Value: "text/html"}}
		f.Body = fmt.Appendf(nil, "<html>\r\n<head><title>%d %s</title></head>\r\n<body><h1>%d %s</h1></body>\r\n</html>\r\n",
			f.Status, words, f.Status, words)
	}
	return f
}
