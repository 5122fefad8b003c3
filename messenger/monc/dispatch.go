// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"errors"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// dispatcher is a client's side that the messenger sees.
type dispatcher struct {
	messenger.BaseDispatcher
	c *Client
}

var errReset = errors.New("monc: connection lost")

// HandleReset takes note of the loss of the present monitor.
func (d *dispatcher) HandleReset(conn messenger.Connection) bool {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	s := d.c.cur
	if s == nil || s.conn != conn {
		return false
	}
	why := conn.Err()
	if why == nil {
		why = errReset
	}
	s.end(why)
	return true
}

// HandleRefused does as HandleReset: another monitor may be alive.
func (d *dispatcher) HandleRefused(conn messenger.Connection) bool { return d.HandleReset(conn) }

// Dispatch takes what the present monitor sends.
func (d *dispatcher) Dispatch(m messenger.Message) bool {
	c := d.c
	c.mu.Lock()
	s := c.cur
	if s == nil || m.Base().Connection() != s.conn {
		c.mu.Unlock()
		return false
	}
	rest := c.take(s, m)
	c.mu.Unlock()
	if rest && c.cfg.Handle != nil {
		c.cfg.Handle(m)
	}
	m.Base().Release()
	return true
}

// take deals with a message, or says that it is for somebody else. Under mu.
func (c *Client) take(s *session, m messenger.Message) (rest bool) {
	switch m := m.(type) {
	case *AuthReply:
		s.authReply(m)
	case *MonMapMessage:
		c.takeMap(s, m)
	case *StatfsReply:
		c.answer(m.Tid(), answer{v: m.Usage})
	case *MonGetVersionReply:
		c.answer(m.Tid(), answer{v: [2]uint64{m.Newest, m.Oldest}})
	case *MonCommandAck:
		c.answer(m.Tid(), answer{v: Output{m.Status, m.DetachData()}, err: commandError(m)})
	case *MonSubscribeAck: // the interval is the time that subscriptions once lasted
	case *messages.Ping:
		d := messenger.NewDecoder(m.Payload)
		a := answer{v: d.String(), err: d.Err()}
		for r := range c.pings {
			r.settle(a)
		}
	default:
		return true
	}
	return false
}

func (c *Client) takeMap(s *session, m *MonMapMessage) {
	monmap, err := DecodeMonMap(m.Map)
	if err != nil {
		s.end(errors.Join(ErrAnswer, err))
		return
	}
	if c.monmap != nil && monmap.Epoch < c.monmap.Epoch {
		return // of a monitor that has fallen behind
	}
	c.monmap = monmap
	close(c.mapped)
	c.mapped = make(chan struct{})
}

func (c *Client) answer(tid uint64, a answer) {
	if r := c.pending[tid]; r != nil {
		r.settle(a)
	}
}
