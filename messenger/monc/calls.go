// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"context"
	"encoding/json"
	"fmt"
	"syscall"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// request is a call that waits. The client's mutex guards it.
type request struct {
	build  func() messenger.Message // a new one for every monitor that is asked
	answer chan answer              // gets one value
}

type answer struct {
	v   any
	err error
}

func (r *request) settle(a answer) {
	select {
	case r.answer <- a:
	default:
	}
}

// do asks monitors until one answers.
func (c *Client) do(ctx context.Context, build func() messenger.Message) (any, error) {
	r := &request{answer: make(chan answer, 1)}
	c.mu.Lock()
	if c.ctx.Err() != nil {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	c.tid++
	tid := c.tid
	r.build = func() messenger.Message {
		m := build()
		m.Base().SetTid(tid)
		return m
	}
	c.pending[tid] = r
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.pending, tid)
	}()
	return c.await(ctx, r)
}

// await sends a registered request if there is a session, and waits for the answer.
func (c *Client) await(ctx context.Context, r *request) (any, error) {
	c.mu.Lock()
	if c.cur != nil && c.cur.open {
		c.cur.send(r.build())
	}
	c.mu.Unlock()
	select {
	case a := <-r.answer:
		return a.v, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.done:
		return nil, ErrClosed
	}
}

// fsid waits for the first monitor map and gives the cluster's ID.
func (c *Client) fsid(ctx context.Context) (UUID, error) {
	m, err := c.WaitMonMap(ctx, 0)
	if err != nil {
		return UUID{}, err
	}
	return m.FSID, nil
}

// Usage tells how full the cluster is. Cancelling ctx gives up waiting.
func (c *Client) Usage(ctx context.Context) (Usage, error) {
	fsid, err := c.fsid(ctx)
	if err != nil {
		return Usage{}, err
	}
	v, err := c.do(ctx, func() messenger.Message { return NewStatfs(fsid) })
	if err != nil {
		return Usage{}, err
	}
	u, ok := v.(Usage)
	if !ok {
		return Usage{}, ErrAnswer
	}
	return u, nil
}

// Versions are the newest and oldest version of a map that the monitors have.
func (c *Client) Versions(ctx context.Context, what string) (newest, oldest uint64, err error) {
	v, err := c.do(ctx, func() messenger.Message { return NewMonGetVersion(what) })
	if err != nil {
		return 0, 0, err
	}
	r, ok := v.([2]uint64)
	if !ok {
		return 0, 0, ErrAnswer
	}
	return r[0], r[1], nil
}

// Output is what a command that was carried out gave.
type Output struct {
	Status string // for people
	Data   []byte // what was asked for, in the format that was asked for
}

// Command has a monitor carry out a command: a JSON object in text form, such as
// {"prefix": "status", "format": "json"}. A command that fails gives a
// [CommandError]. When a monitor is lost before it answers, the command goes to the
// next one, so that it may be carried out twice.
func (c *Client) Command(ctx context.Context, cmd string) (Output, error) {
	if !json.Valid([]byte(cmd)) {
		return Output{}, fmt.Errorf("monc: command %q is no JSON", cmd)
	}
	fsid, err := c.fsid(ctx)
	if err != nil {
		return Output{}, err
	}
	v, err := c.do(ctx, func() messenger.Message { return NewMonCommand(fsid, cmd) })
	if err != nil {
		return Output{}, err
	}
	o, ok := v.(Output)
	if !ok {
		return Output{}, ErrAnswer
	}
	return o, nil
}

// Ping asks the monitor how it does; the answer is a JSON text with its health and
// status.
func (c *Client) Ping(ctx context.Context) (string, error) {
	r := &request{
		answer: make(chan answer, 1),
		build:  func() messenger.Message { return messages.NewPing() },
	}
	c.mu.Lock()
	c.pings[r] = struct{}{}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.pings, r)
	}()
	v, err := c.await(ctx, r)
	if err != nil {
		return "", err
	}
	text, ok := v.(string)
	if !ok {
		return "", ErrAnswer
	}
	return text, nil
}

// WaitMonMap waits for a monitor map of an epoch of at least the given one.
func (c *Client) WaitMonMap(ctx context.Context, epoch uint32) (*MonMap, error) {
	for {
		c.mu.Lock()
		m, changed := c.monmap, c.mapped
		c.mu.Unlock()
		if m != nil && m.Epoch >= epoch {
			return m, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.ctx.Done():
			return nil, ErrClosed
		}
	}
}

// commandError is the error of a command's result, nil for success.
func commandError(m *MonCommandAck) error {
	if m.Result >= 0 {
		return nil
	}
	return &CommandError{Errno: syscall.Errno(-int64(m.Result)), Status: m.Status}
}
