// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type echo struct {
	messenger.BaseDispatcher
	reply bool
	n     atomic.Int64
	ev    chan string
}

func (e *echo) Dispatch(m messenger.Message) bool {
	e.n.Add(1)
	if e.reply {
		p := messages.NewDataPing("re", 1)
		p.SetData(m.Base().DetachData())
		m.Base().Connection().Messenger().SendReply(m, p)
	}
	m.Base().Release()
	return true
}
func (e *echo) HandleConnect(c messenger.Connection) { e.ev <- "connect" }
func (e *echo) HandleAccept(c messenger.Connection)  { e.ev <- "accept" }

func TestMessagesOfAllSizes(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	reg := messenger.NewRegistry()
	messages.Register(reg)
	srv, err := New(messenger.Config{Name: messenger.EntityName{Type: messenger.EntityOSD}, Registry: reg, Auth: messenger.AuthNone{}, Logger: log}, Options{TransportType: Transport})
	require.NoError(t, err)
	srv.SetDefaultPolicy(messenger.StatefulServer())
	es := &echo{reply: true, ev: make(chan string, 10)}
	srv.AddDispatcherTail(es)
	a := place(t)
	require.NoError(t, srv.Bind(a))
	require.NoError(t, srv.Start())
	cl, err := New(messenger.Config{Name: messenger.EntityName{Type: messenger.EntityClient, Num: -1}, Registry: reg, Auth: messenger.AuthNone{}, Logger: log}, Options{TransportType: Transport})
	require.NoError(t, err)
	cl.SetDefaultPolicy(messenger.LosslessClient())
	ec := &echo{ev: make(chan string, 10)}
	cl.AddDispatcherTail(ec)
	require.NoError(t, cl.Start())
	c, err := cl.ConnectTo(messenger.EntityOSD, srv.Addrs())
	require.NoError(t, err)
	for i := range 100 {
		p := messages.NewDataPing("hi", uint32(i))
		p.SetData(make([]byte, i*i*i))
		require.NoError(t, c.Send(p))
	}
	require.Eventually(t, func() bool { return ec.n.Load() == 100 }, 10*time.Second, time.Millisecond)
	require.Equal(t, "connect", <-ec.ev)
	require.Equal(t, "accept", <-es.ev)
	cl.Shutdown()
	cl.Wait()
	srv.Shutdown()
	srv.Wait()
	require.Zero(t, LiveHooks())
}
