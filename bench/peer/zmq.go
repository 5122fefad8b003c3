// SPDX-License-Identifier: Apache-2.0

//go:build zmq

package main

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/pebbe/zmq4"
)

// DEALER and ROUTER let any number of requests be in flight, which REQ and REP
// do not. A socket belongs to one goroutine; the library's own thread gathers
// messages. Parts are sent and received as bytes, the least work there is.
func init() {
	peers["zmq"] = peer{serve: zmqServe, client: zmqClient, version: func() string {
		major, minor, patch := zmq4.Version()
		return fmt.Sprintf("libzmq %d.%d.%d", major, minor, patch)
	}}
}

func zmqSocket(t zmq4.Type) (*zmq4.Socket, error) {
	s, err := zmq4.NewSocket(t)
	if err != nil {
		return nil, err
	}
	if err := s.SetSndhwm(0); err != nil { // no limit: ROUTER drops beyond it
		return nil, err
	}
	return s, s.SetRcvhwm(0)
}

func zmqServe(m *serverMeter) (int, error) {
	s, err := zmqSocket(zmq4.ROUTER)
	if err != nil {
		return 0, err
	}
	if err := s.Bind("tcp://127.0.0.1:*"); err != nil {
		return 0, err
	}
	end, err := s.GetLastEndpoint()
	if err != nil {
		return 0, err
	}
	u, err := url.Parse(end)
	if err != nil {
		return 0, err
	}
	go zmqEcho(s, m)
	return strconv.Atoi(u.Port())
}

// zmqEcho sends each message back, behind the name of its requester.
func zmqEcho(s *zmq4.Socket, m *serverMeter) error {
	for {
		from, err := s.RecvBytes(0)
		if err != nil {
			return err
		}
		data, err := s.RecvBytes(0)
		if err != nil {
			return err
		}
		m.check(data)
		if _, err := s.SendBytes(from, zmq4.SNDMORE); err != nil {
			return err
		}
		if _, err := s.SendBytes(data, 0); err != nil {
			return err
		}
	}
}

func zmqClient(o *options, m *meter) error {
	s, err := zmqSocket(zmq4.DEALER)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Connect("tcp://" + o.addr()); err != nil {
		return err
	}
	f, slots := m.flow(), m.slots(o.depth)
	send := func(i int) error {
		f.begin(&slots[i], o.depth)
		_, err := s.SendBytes(slots[i].buf, 0)
		return err
	}
	for i := range slots {
		if err := send(i); err != nil {
			return err
		}
	}
	for i, running := 0, o.depth; running > 0; i = (i + 1) % o.depth { // order is kept
		data, err := s.RecvBytes(0)
		if err != nil {
			return err
		}
		more, err := f.end(&slots[i], data)
		if err != nil {
			return err
		}
		if !more {
			running--
			continue
		}
		if err := send(i); err != nil {
			return err
		}
	}
	return nil
}
