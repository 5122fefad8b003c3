// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"sync"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

func xioVersion() string {
	e := xio.Engine()
	return e.Provider + " " + e.Version
}

// xioServe answers on the driver: nothing is faster, and the handler never
// blocks. A reply with the request's own data is sent from where it lies.
func xioServe(m *serverMeter) (int, error) {
	// A reply is done with before the next request is read, so one Message
	// serves all of them.
	var reply xio.Message
	l := xio.ListenConfig{Inline: true}
	s, err := l.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		reply.Data = req.Data()
		m.check(reply.Data)
		req.Reply(&reply) // an error is the requester's: it has left
	}))
	if err != nil {
		return 0, err
	}
	u, err := url.Parse(s.URI())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Port())
}

// xioSlot is a request in flight with its message.
type xioSlot struct {
	slot
	msg  xio.Message
	done func(*xio.Response, error)
}

// xioClient uses completion functions, or blocking calls where o.call says so.
func xioClient(o *options, m *meter) (err error) {
	// The number of sockets is the client's choice. The other options that the
	// C program sets are what package xio always uses.
	if err := xio.Init(xio.LibraryOptions{SingleStream: o.single}); err != nil {
		return err
	}
	// A large response keeps its place in the queue until its release is
	// carried out, hence twice the depth.
	d := xio.Dialer{QueueDepth: min(2*o.depth, 4096)}
	conn, err := d.Dial(context.Background(), "tcp://"+o.addr())
	if err != nil {
		return err
	}
	slots, free, err := xioSlots(m, o.depth)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	if o.call {
		err = xioCalls(m, conn, slots)
	} else {
		err = xioSends(m, conn, slots)
	}
	err = errors.Join(err, conn.Close())
	free()
	return err
}

// xioSlots makes the requests. Data that does not travel inline is in buffers
// of the library's memory, which are sent without a copy; their answers stay in
// the library's memory as well.
func xioSlots(m *meter, n int) (slots []xioSlot, free func(), err error) {
	slots = make([]xioSlot, n)
	large := m.size >= 2048
	var p *pool.Pool
	if large {
		// Sizes are rounded up to powers of two, hence the double limit.
		if p, err = pool.New(pool.Config{Limit: max(int64(2*m.size*n), 2*pool.MaxBuffer)}); err != nil {
			return nil, nil, err
		}
	}
	free = func() {
		for i := range slots {
			for _, b := range slots[i].msg.Buffers {
				b.Release()
			}
		}
		if large {
			p.Close()
		}
	}
	for i := range slots {
		s := &slots[i]
		s.stamp = uint64(i)
		if !large {
			s.buf = make([]byte, m.size)
			s.msg.Data = s.buf
			continue
		}
		b, err := p.TryGet(m.size)
		if err != nil {
			free()
			return nil, nil, err
		}
		s.buf = b.Bytes()
		s.msg.Buffers = []*pool.Buffer{b}
		s.msg.MaxResponse = m.size
	}
	return slots, free, nil
}

// xioSends sends the next request from the completion of the one before it. All
// completions run on the connection's driver, one at a time.
func xioSends(m *meter, conn *xio.Connection, slots []xioSlot) error {
	f, ended := m.flow(), make(chan error, 1)
	running := 0
	var failed error
	next := func(s *xioSlot) {
		f.begin(&s.slot, len(slots))
		running++
		if err := conn.TrySend(&s.msg, s.done); err != nil {
			running--
			failed = errors.Join(failed, err)
		}
	}
	complete := func(s *xioSlot, rsp *xio.Response, err error) {
		more := false
		running--
		if err == nil {
			more, err = f.end(&s.slot, rsp.Data())
			rsp.Release()
		}
		failed = errors.Join(failed, err)
		if more && failed == nil {
			next(s)
		}
		if running == 0 {
			ended <- failed
		}
	}
	for i := range slots {
		s := &slots[i]
		s.done = func(rsp *xio.Response, err error) { complete(s, rsp, err) }
	}
	// The first completion starts the others: from then on nobody but the
	// driver touches the account.
	first := &slots[0]
	f.begin(&first.slot, len(slots))
	running = 1
	err := conn.TrySend(&first.msg, func(rsp *xio.Response, err error) {
		for i := 1; err == nil && i < len(slots); i++ {
			next(&slots[i])
		}
		complete(first, rsp, err)
	})
	if err != nil {
		return err
	}
	return <-ended
}

// xioCalls calls from one goroutine for each slot, on one connection.
func xioCalls(m *meter, conn *xio.Connection, slots []xioSlot) error {
	var wg sync.WaitGroup
	errs := make([]error, len(slots))
	for i := range slots {
		f, s := m.flow(), &slots[i]
		wg.Go(func() {
			for more := true; more && errs[i] == nil; {
				f.begin(&s.slot, len(slots))
				rsp, err := conn.Call(context.Background(), &s.msg)
				if err != nil {
					errs[i] = err
					return
				}
				more, errs[i] = f.end(&s.slot, rsp.Data())
				rsp.Release()
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
