// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"context"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

// fakeMon is a monitor that does as it is told, for what a real one does not do.
type fakeMon struct {
	messenger.BaseDispatcher
	m    *simplemessenger.Messenger
	addr messenger.EntityAddr

	mu     sync.Mutex
	mute   bool   // answers no login
	idle   bool   // answers no request
	monmap []byte // sent after a login
	logins int
	asked  int
	subs   []map[string]Sub
	frozen bool // does nothing, with its socket open
	carry  func(cmd string) (data string)
	auth   *fakeAuth // nil lets everybody in
	babble int       // so many answers to a login, each of them a refusal
}

func startFakeMon(t testing.TB) *fakeMon {
	t.Helper()
	f := &fakeMon{}
	f.m = newMessenger(t, messenger.Config{
		Name: messenger.EntityName{Type: messenger.EntityMon}, FixedNonce: true,
		Auth: messenger.AuthNone{}, Injector: f,
	})
	require.NoError(t, f.m.SetDefaultPolicy(messenger.StatelessServer()))
	f.m.AddDispatcherTail(f)
	at, err := messenger.ParseEntityAddr("v1:127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, f.m.Bind(at))
	require.NoError(t, f.m.Start())
	f.addr = f.m.Addrs()[0]
	f.monmap = encodeMonMap(&MonMap{FSID: UUID{7}, Epoch: 1, Mons: []MonInfo{{Name: "a", Addrs: messenger.AddrVec{f.addr}}}})
	return f
}

// SocketOp implements messenger.Injector: a frozen monitor waits at its socket.
func (f *fakeMon) SocketOp(ctx context.Context) error {
	f.mu.Lock()
	frozen := f.frozen
	f.mu.Unlock()
	if frozen {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (f *fakeMon) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeMon) get(n *int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *n
}

func (f *fakeMon) Dispatch(m messenger.Message) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := m.Base().Connection()
	switch m := m.(type) {
	case *Auth:
		f.logins++
		if f.mute {
			break
		}
		for range f.babble {
			r := NewAuthReply()
			r.Result = -int32(syscall.EACCES)
			_ = c.Send(r)
		}
		r := NewAuthReply()
		r.Protocol, r.GlobalID = messenger.AuthProtocolNone, 4711
		if f.auth != nil && !f.auth.answer(m, r) {
			break
		}
		_ = c.Send(r)
		_ = c.Send(NewMonMapMessage(f.monmap))
	case *MonSubscribe:
		f.subs = append(f.subs, m.What)
	case *MonCommand:
		if f.carry == nil {
			break
		}
		r := NewMonCommandAck()
		r.Cmd = m.Cmd
		r.SetData([]byte(f.carry(m.Cmd[0])))
		_ = f.m.SendReply(m, r)
	case *Statfs:
		f.asked++
		if f.idle {
			break
		}
		r := NewStatfsReply()
		r.Usage.KB = 42
		_ = f.m.SendReply(m, r)
	}
	m.Base().Release()
	return true
}
