package iso8583

import (
	"kaqiao/mockbanks/internal/teller"
	"kaqiao/profiles/wire/iso8583"
)

var (
	_ teller.Contradictor = (*requestCall)(nil)
	_ teller.Contradictor = (*reversalCall)(nil)
)

// Contradict implements teller.Contradictor: what was done is refused, and what
// was refused is done, a signing with an agreement that is in nobody's books.
func (c *requestCall) Contradict(given teller.Answer) (teller.Answer, bool, error) {
	m, ok := given.Message.(*iso8583.Answer)
	if !ok {
		return teller.Answer{}, false, nil
	}
	other := *m
	other.ResponseCode = opposite(m.ResponseCode)
	other.Common.Usages.Agreement = ""
	if c.operation == "confirm" && other.ResponseCode == iso8583.ResponseDone {
		other.Common.Usages.Agreement = "NOBODYS" + c.number
	}
	answer, err := c.answer(&other)
	return answer, err == nil, err
}

// Contradict implements teller.Contradictor.
func (c *reversalCall) Contradict(given teller.Answer) (teller.Answer, bool, error) {
	m, ok := given.Message.(*iso8583.ReversalAnswer)
	if !ok {
		return teller.Answer{}, false, nil
	}
	other := *m
	other.ResponseCode = opposite(m.ResponseCode)
	answer, err := c.answer(&other)
	return answer, err == nil, err
}

func opposite(code string) string {
	if code == iso8583.ResponseDone {
		return iso8583.ResponseInvalid
	}
	return iso8583.ResponseDone
}
