// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"net/url"
	"strconv"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/xrep"
	"go.nanomsg.org/mangos/v3/protocol/xreq"
	_ "go.nanomsg.org/mangos/v3/transport/tcp"
)

// REQ and REP in raw mode: one goroutine on each side keeps any number of
// requests in flight. The cooked sockets take one request at a time, their
// contexts need a goroutine for each and do more work for each message.

// mangosQueue is the length of the sockets' queues, with room for everything in
// flight: a full queue may drop messages.
const mangosQueue = 4096

func mangosOptions(s mangos.Socket) error {
	for _, name := range []string{mangos.OptionReadQLen, mangos.OptionWriteQLen} {
		if err := s.SetOption(name, mangosQueue); err != nil {
			return err
		}
	}
	return nil
}

func mangosServe(m *serverMeter) (int, error) {
	s, err := xrep.NewSocket()
	if err != nil {
		return 0, err
	}
	if err := mangosOptions(s); err != nil {
		return 0, err
	}
	l, err := s.NewListener("tcp://127.0.0.1:0", nil)
	if err != nil {
		return 0, err
	}
	if err := l.Listen(); err != nil {
		return 0, err
	}
	u, err := url.Parse(l.Address())
	if err != nil {
		return 0, err
	}
	go mangosEcho(s, m)
	return strconv.Atoi(u.Port())
}

// mangosEcho sends each message back as it is: its header leads to the
// requester. It ends with the socket.
func mangosEcho(s mangos.Socket, m *serverMeter) error {
	for {
		msg, err := s.RecvMsg()
		if err != nil {
			return err
		}
		m.check(msg.Body)
		if err := s.SendMsg(msg); err != nil {
			return err
		}
	}
}

func mangosClient(o *options, m *meter) error {
	s, err := xreq.NewSocket()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := mangosOptions(s); err != nil {
		return err
	}
	if err := s.Dial("tcp://" + o.addr()); err != nil {
		return err
	}
	f, slots := m.flow(), m.slots(o.depth)
	send := func(i int) error {
		f.begin(&slots[i], o.depth)
		msg := mangos.NewMessage(0)
		// The top bit of a request's number ends the list of its way.
		msg.Header = binary.BigEndian.AppendUint32(msg.Header, 1<<31|uint32(slots[i].stamp))
		msg.Body = slots[i].buf // sent from there: no copy
		return s.SendMsg(msg)
	}
	for i := range slots {
		if err := send(i); err != nil {
			return err
		}
	}
	for running := o.depth; running > 0; {
		msg, err := s.RecvMsg()
		if err != nil {
			return err
		}
		got, err := stampOf(msg.Body, o.size)
		msg.Free()
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
		if err := send(i); err != nil {
			return err
		}
	}
	return nil
}
