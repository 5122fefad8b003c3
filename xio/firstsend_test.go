package xio

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server's connection gets what it sends with when it first sends. The driver may
// be who does, from a handler, and must not wait for itself.
func TestFirstSendFromTheDriver(t *testing.T) {
	leakCheck(t)
	failed := make(chan error, 4)
	ended := func(rsp *Response, err error) {
		if rsp != nil {
			rsp.Release()
		}
		failed <- err
	}
	serve := func(send func(*Connection) error) *Server {
		return listen(t, ListenConfig{
			Inline: true,
			OnMsg: func(m *OneWay) {
				c := m.Conn()
				m.Release()
				if err := send(c); err != nil {
					failed <- err
				}
			},
		}, HandlerFunc(func(r *Request) { _ = r.Reply(&Message{}) }))
	}
	for name, send := range map[string]func(*Connection) error{
		"request": func(c *Connection) error { return c.TrySend(&Message{Data: []byte("?")}, ended) },
		"one-way": func(c *Connection) error {
			return c.TrySendMsg(&Message{Data: []byte("!")}, func(err error) { failed <- err })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(send)
			got := make(chan string, 1)
			c := dial(t, Dialer{
				Handler: HandlerFunc(func(r *Request) {
					got <- string(r.Data())
					_ = r.Reply(&Message{})
				}),
				OnMsg: func(m *OneWay) {
					got <- string(m.Data())
					m.Release()
				},
			}, s)
			require.NoError(t, c.Deliver(testContext(t), &Message{}))
			select {
			case err := <-failed:
				assert.NoError(t, err)
			case <-testContext(t).Done():
				t.Fatal("the driver waits for itself")
			}
			assert.Len(t, <-got, 1)
			require.NoError(t, c.Close())
			require.NoError(t, s.Close())
		})
	}
}
