package link

import (
	"context"
	"crypto/tls"
	"time"

	"kaqiao/profiles/wire"
)

// Config is what a link over HTTP needs.
type Config struct {
	// URL is where frames are posted. Required.
	URL string
	// TLS is needed where the URL is https.
	TLS *tls.Config
	// MaxConns is the number of connections at once, and kept, 1 to 10,000. Default 256.
	MaxConns int
	// MaxAnswerBytes is the longest body taken, 1 to 16,777,216. Default 65,536.
	MaxAnswerBytes int
	// ConnectTimeout is for TCP and TLS together, 1ms to 10m. Default 2s.
	ConnectTimeout time.Duration
}

// HTTP posts frames over HTTP/1.1.
type HTTP struct{ cfg Config }

// NewHTTP makes a link. It connects when it is used first.
func NewHTTP(cfg Config) (*HTTP, error) { return &HTTP{cfg: cfg}, nil }

// Exchange posts one frame and returns the answer. It never sends a frame
// twice. The error wraps ErrNotSent exactly when not one byte of it left.
func (h *HTTP) Exchange(ctx context.Context, f wire.Frame) (wire.Frame, error) {
	return wire.Frame{}, ErrNotSent
}

// Close closes the connections that are idle.
func (h *HTTP) Close() error { return nil }
