package flow

import "kaqiao/gateway/internal/journal"

// eventType says what a caller is told when a binding comes from one state to
// another: nothing where it has just done so itself, as with a cancel.
func eventType(from, to string, byBank bool) string {
	if shown(from) == shown(to) {
		return ""
	}
	switch to {
	case Active:
		if from == Revoking {
			return "" // its bank would not end it: that is told as a problem, and nothing has changed
		}
		return "binding.active"
	case Failed:
		return "binding.failed"
	case Expired:
		return "binding.expired"
	case Revoked:
		if byBank {
			return "binding.revoked_by_bank"
		}
		return "binding.revoked"
	}
	return ""
}

// tell adds to a change what the binding's caller is told of it, if it takes
// such events. from is the state that the binding comes from.
func (s *Service) tell(c *journal.Change, from string, byBank bool) {
	if c.Binding == nil || s.cfg.Event == nil {
		return
	}
	b := *c.Binding
	name := eventType(from, b.State, byBank)
	if name == "" {
		return
	}
	body := s.cfg.Event(name, b.UpdatedAt, s.view(b))
	if body == nil {
		return
	}
	c.Events = append(c.Events, journal.Event{
		ID: s.id("evt_", b.UpdatedAt), Caller: b.Caller, Subject: b.ID, Seq: b.Version, Type: name, At: b.UpdatedAt,
		Body: body, State: journal.EventWaiting, NextAt: b.UpdatedAt,
	})
}
