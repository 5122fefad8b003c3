// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net"
	"net/rpc"
)

// Echo is the service of net/rpc, which wants it exported.
type Echo struct{ m *serverMeter }

// Echo answers with the request's data.
func (e *Echo) Echo(req *[]byte, rsp *[]byte) error {
	e.m.check(*req)
	*rsp = *req
	return nil
}

func netrpcServe(m *serverMeter) (int, error) {
	s := rpc.NewServer()
	if err := s.Register(&Echo{m}); err != nil {
		return 0, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	go s.Accept(l)
	return l.Addr().(*net.TCPAddr).Port, nil
}

// netrpcClient uses Go, net/rpc's call with a completion channel: one goroutine
// takes the answers and sends the next requests, and no other is needed. For
// one request at a time Call is the same with a channel of its own.
func netrpcClient(o *options, m *meter) error {
	c, err := rpc.Dial("tcp", o.addr())
	if err != nil {
		return err
	}
	defer c.Close()
	f, slots := m.flow(), m.slots(o.depth)
	answers := make([][]byte, o.depth)
	done := make(chan *rpc.Call, o.depth)
	next := func(i int) {
		f.begin(&slots[i], o.depth)
		c.Go("Echo.Echo", &slots[i].buf, &answers[i], done)
	}
	for i := range slots {
		next(i)
	}
	for running := o.depth; running > 0; {
		call := <-done
		if call.Error != nil {
			return call.Error
		}
		got, err := stampOf(*call.Reply.(*[]byte), o.size)
		if err != nil {
			return err
		}
		i := int(got % uint64(o.depth))
		more, err := f.endStamp(&slots[i], got)
		if err != nil {
			return err
		}
		if !more {
			running--
			continue
		}
		next(i)
	}
	return nil
}
