package api

import (
	"encoding/json"
	"time"

	"kaqiao/gateway/internal/flow"
)

// event is the body of what a caller is told: the binding as GET shows it, as it was then.
type event struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

// Event renders what a caller is told. It is kept with the change that it tells
// of, and posted as it is, so that its signature and all its repeats are of the same bytes.
func (s *Server) Event(name string, at time.Time, b flow.Binding) []byte {
	body, err := json.Marshal(event{Type: name, Timestamp: beijing(at), Data: s.binding(b)})
	if err != nil { // nothing in a binding can fail to be written
		s.Log.Error("an event could not be rendered", "type", name, "binding", b.ID, "error", err)
		return nil
	}
	return body
}
