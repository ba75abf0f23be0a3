package app

import (
	"errors"
	"io"
	"net/http"

	"kaqiao/gateway/internal/bank"
	"kaqiao/profiles/wire"
)

// maxNoticeBytes is the longest notice of a bank.
const maxNoticeBytes = 256 << 10

// callbackHandler takes what banks say unasked, on a listener of its own.
func (a *App) callbackHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /callbacks/{channel}", a.heard)
	return mux
}

func (a *App) heard(w http.ResponseWriter, r *http.Request) {
	channel := r.PathValue("channel")
	if a.set.Channel(channel) == nil {
		http.NotFound(w, r)
		return
	}
	if err := a.admits(channel, r); err != nil {
		a.log.Warn("a notice was refused", "channel", channel, "error", err)
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNoticeBytes))
	if err != nil {
		http.Error(w, "the notice could not be read", http.StatusBadRequest)
		return
	}
	frame := wire.Frame{Method: r.Method, Body: body}
	for name, values := range r.Header {
		for _, v := range values {
			frame.Headers = append(frame.Headers, wire.Header{Name: name, Value: v})
		}
	}
	ack, err := a.banks.Heard(r.Context(), channel, frame, a.service.Heard)
	if err != nil {
		a.log.Warn("a notice was not taken", "channel", channel, "error", err)
		http.Error(w, "the notice was not taken", noticeStatus(err))
		return
	}
	for _, h := range ack.Headers {
		w.Header().Set(h.Name, h.Value)
	}
	_, _ = w.Write(ack.Body)
}

// noticeStatus is 4xx for what will never be taken and 5xx for what should be said again.
func noticeStatus(err error) int {
	for _, never := range []error{bank.ErrNotNotice, wire.ErrMalformed, wire.ErrUnknownType, wire.ErrField, wire.ErrSeal, wire.ErrSealMissing, wire.ErrKey, wire.ErrEnvelope, wire.ErrTooLarge} {
		if errors.Is(err, never) {
			return http.StatusBadRequest
		}
	}
	return http.StatusInternalServerError
}
