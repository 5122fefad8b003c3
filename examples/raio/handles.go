// SPDX-License-Identifier: Apache-2.0

package raio

import (
	"context"
	"errors"
	"sync"

	"github.com/accelio/accelio-go/examples/raio/internal/wire"
)

// files counts the open files of a client. A C server crashes when it is asked to
// close a file before it is told that there will be no more operations: files of
// such a server are closed together, when the program has closed the last one.
type files struct {
	mu      sync.Mutex
	any     bool // the server closes files at any time
	ready   bool // IOSetup has been answered, and not taken back
	open    int
	waiting []int32 // closed by the program, open on the server
}

// setUp tells the server how many operations there may be.
func (c *Client) setUp(ctx context.Context) error {
	body, err := c.command(ctx, wire.IOSetup, wire.AppendSetup(nil, uint32(cap(c.room)), 1))
	if err != nil {
		return err
	}
	c.files.any = wire.ClosesAny(body)
	c.files.ready = true
	return nil
}

func (c *Client) open(ctx context.Context, request []byte) (int32, error) {
	f := &c.files
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ready {
		if err := c.setUp(ctx); err != nil {
			return 0, err
		}
	}
	body, err := c.command(ctx, wire.Open, request)
	if err != nil {
		return 0, err
	}
	fd, err := wire.ParseFD(body)
	if err == nil {
		f.open++
	}
	return fd, err
}

func (c *Client) close(fd int32) error {
	f := &c.files
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open--
	f.waiting = append(f.waiting, fd)
	ctx := context.Background()
	if !f.any {
		if f.open > 0 {
			return nil
		}
		f.ready = false
		if _, err := c.command(ctx, wire.IODestroy, wire.AppendDestroy(nil)); err != nil {
			return err
		}
	}
	waiting := f.waiting
	f.waiting = nil
	var err error
	for _, fd := range waiting {
		_, e := c.command(ctx, wire.Close, wire.AppendFD(nil, wire.Close, fd))
		err = errors.Join(err, e)
	}
	return err
}
