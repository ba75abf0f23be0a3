package api

import (
	"bytes"
	"io"
	"net/http"

	"kaqiao/gateway/internal/op"
)

// Full is the whole answer, in HTTP/1.1, to a connection for which there is no place. Its request was not read.
func (s *Server) Full() []byte {
	now := s.Now()
	this := &call{id: newID(now), begun: now}
	status, body := s.document(&op.Problem{Reason: op.Overloaded, Outcome: op.NotSent, Detail: "too many connections have requests under way"}, this)
	answer := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)), Close: true,
		Header: http.Header{
			"Content-Type": {problemJSON}, "Cache-Control": {"no-store"}, "Retry-After": {retryAfter(body)}, "X-Request-Id": {this.id},
		},
	}
	var out bytes.Buffer
	_ = answer.Write(&out) // a buffer takes everything
	return out.Bytes()
}
