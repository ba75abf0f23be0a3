package farm

import (
	"errors"
	"net/http"

	"kaqiao/mockbanks/internal/behave"
)

func (c *control) bankBehaviour(r *http.Request) (any, error) {
	b, err := c.bank(r)
	if err != nil {
		return nil, err
	}
	return showBehaviour(r, b.behaviour)
}

func (c *control) putBankBehaviour(r *http.Request) (any, error) {
	b, err := c.bank(r)
	if err != nil {
		return nil, err
	}
	return putBehaviour(r, b.behaviour)
}

func (c *control) removeBankBehaviour(r *http.Request) (any, error) {
	b, err := c.bank(r)
	if err != nil {
		return nil, err
	}
	return removeBehaviour(r, b.behaviour)
}

func (c *control) channelBehaviour(r *http.Request) (any, error) {
	hub, err := c.hub(r)
	if err != nil {
		return nil, err
	}
	return showBehaviour(r, hub.behaviour)
}

func (c *control) putChannelBehaviour(r *http.Request) (any, error) {
	hub, err := c.hub(r)
	if err != nil {
		return nil, err
	}
	return putBehaviour(r, hub.behaviour)
}

func (c *control) removeChannelBehaviour(r *http.Request) (any, error) {
	hub, err := c.hub(r)
	if err != nil {
		return nil, err
	}
	return removeBehaviour(r, hub.behaviour)
}

func showBehaviour(r *http.Request, b *behave.Behaviour) (any, error) {
	if err := query(r).done(); err != nil {
		return nil, err
	}
	return b.Now(), nil
}

// putBehaviour replaces the layer and shows what is then in force.
func putBehaviour(r *http.Request, b *behave.Behaviour) (any, error) {
	if err := query(r).done(); err != nil {
		return nil, err
	}
	var layer behave.Layer
	if err := body(r, &layer); err != nil {
		return nil, err
	}
	err := b.Put(layer)
	var wrong *behave.LayerError
	if errors.As(err, &wrong) {
		return nil, invalid("%s", wrong)
	}
	return b.Now(), err
}

func removeBehaviour(r *http.Request, b *behave.Behaviour) (any, error) {
	if err := query(r).done(); err != nil {
		return nil, err
	}
	b.Remove()
	return nil, nil
}
