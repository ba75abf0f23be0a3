package farm

import (
	"net/http"
	"strconv"
	"time"

	"kaqiao/mockbanks/internal/behave"
	"kaqiao/profiles"
)

// bankLine is a bank in the list.
type bankLine struct {
	ID       string        `json:"id"`
	Name     profiles.Text `json:"name"`
	Tier     string        `json:"tier"`
	Channel  string        `json:"channel"`
	Protocol string        `json:"protocol"`
	Address  string        `json:"address"`
}

// standing is what a bank or channel shows beside its line.
type standing struct {
	Behaviour behave.InForce `json:"behaviour"`
	Counters  countersShown  `json:"counters"`
}

type countersShown struct {
	Operations map[string]int64 `json:"operations"`
	Outcomes   map[string]int64 `json:"outcomes"`
	Faults     map[string]int64 `json:"faults"`
}

func standingOf(b *behave.Behaviour, c *counters) standing {
	return standing{Behaviour: b.Now(), Counters: countersShown{
		Operations: shown(c.operations[:], profiles.Operations()),
		Outcomes:   shown(c.outcomes[:], outcomes()),
		Faults:     b.Struck(),
	}}
}

func (b *bank) line() bankLine {
	l := bankLine{ID: b.profile.ID, Name: b.profile.Name, Tier: b.profile.Tier}
	if c := b.channel(); c != nil {
		l.Channel, l.Protocol, l.Address = c.profile.ID, c.profile.Protocol, c.address()
	}
	return l
}

func (c *control) listBanks(r *http.Request) (any, error) {
	if err := query(r).done(); err != nil {
		return nil, err
	}
	lines := make([]bankLine, len(c.farm.order))
	for i, b := range c.farm.order {
		lines[i] = b.line()
	}
	return map[string]any{"banks": lines}, nil
}

func (c *control) showBank(r *http.Request) (any, error) {
	b, err := c.bank(r)
	if err == nil {
		err = query(r).done()
	}
	if err != nil {
		return nil, err
	}
	return struct {
		bankLine
		standing
	}{b.line(), standingOf(b.behaviour, &b.counters)}, nil
}

// channelLine is a hub in the list.
type channelLine struct {
	ID       string        `json:"id"`
	Name     profiles.Text `json:"name"`
	Protocol string        `json:"protocol"`
	Address  string        `json:"address"`
	Banks    int           `json:"banks"`
}

func (c *channel) line() channelLine {
	return channelLine{
		ID: c.profile.ID, Name: c.profile.Name, Protocol: c.profile.Protocol, Address: c.address(), Banks: len(c.members),
	}
}

func (c *control) listChannels(r *http.Request) (any, error) {
	if err := query(r).done(); err != nil {
		return nil, err
	}
	lines := make([]channelLine, len(c.farm.hubs))
	for i, hub := range c.farm.hubs {
		lines[i] = hub.line()
	}
	return map[string]any{"channels": lines}, nil
}

func (c *control) showChannel(r *http.Request) (any, error) {
	hub, err := c.hub(r)
	if err == nil {
		err = query(r).done()
	}
	if err != nil {
		return nil, err
	}
	return struct {
		channelLine
		standing
	}{hub.line(), standingOf(hub.behaviour, &hub.counters)}, nil
}

// exchangeShown is one exchange as the control port shows it. Fields that must
// not be read stay masked, because their types can't print them.
type exchangeShown struct {
	ID        string        `json:"id"`
	At        time.Time     `json:"at"`
	Operation string        `json:"operation"`
	Number    string        `json:"number"`
	Outcome   string        `json:"outcome"`
	Refusal   string        `json:"refusal"`
	DrawnMS   float64       `json:"drawn_ms"`
	Fault     string        `json:"fault"`
	TookMS    float64       `json:"took_ms"`
	Request   *messageShown `json:"request"`
	Answer    *messageShown `json:"answer"`
}

// messageShown is one decoded message.
type messageShown struct {
	Type string `json:"type"`
	Body any    `json:"body"`
}

func (c *control) bankExchanges(r *http.Request) (any, error) {
	b, err := c.bank(r)
	if err != nil {
		return nil, err
	}
	return showExchanges(r, b.exchanges)
}

func (c *control) channelExchanges(r *http.Request) (any, error) {
	hub, err := c.hub(r)
	if err != nil {
		return nil, err
	}
	return showExchanges(r, hub.exchanges)
}

func showExchanges(r *http.Request, from *exchanges) (any, error) {
	p := query(r)
	limit, cursor, number := p.number("limit", 1, maxPage, 20), p.text("cursor"), p.text("number")
	var before uint64
	if cursor != "" {
		id, err := strconv.ParseUint(cursor, 10, 64)
		if err != nil || id == 0 {
			p.wrong = append(p.wrong, "cursor is not one of ours")
		}
		before = id
	}
	if err := p.done(); err != nil {
		return nil, err
	}
	found, more := from.page(limit, before, number)
	list := make([]exchangeShown, len(found))
	for i, x := range found {
		list[i] = exchangeShown{
			ID: strconv.FormatUint(x.id, 10), At: x.at, Operation: x.operation, Number: x.number,
			Outcome: x.outcome, Refusal: x.refusal, DrawnMS: milliseconds(x.drawn), Fault: x.fault, TookMS: milliseconds(x.took),
		}
		if x.request != nil {
			list[i].Request = &messageShown{x.request.Type(), x.request}
		}
		if x.answer != nil {
			list[i].Answer = &messageShown{x.answer.Type(), x.answer}
		}
	}
	next := ""
	if more {
		next = list[len(list)-1].ID
	}
	return page("exchanges", list, next), nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// page is one page of a list; next is absent on the last.
func page(name string, list any, next string) map[string]any {
	out := map[string]any{name: list}
	if next != "" {
		out["next"] = next
	}
	return out
}

func (c *control) bank(r *http.Request) (*bank, error) {
	if b := c.farm.banks[r.PathValue("bank")]; b != nil {
		return b, nil
	}
	return nil, notFound("bank")
}

func (c *control) hub(r *http.Request) (*channel, error) {
	if hub := c.farm.channels[r.PathValue("hub")]; hub != nil {
		return hub, nil
	}
	return nil, notFound("channel")
}
