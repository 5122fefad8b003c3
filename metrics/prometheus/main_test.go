// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/accelio/accelio-go/xio"
)

func TestMain(m *testing.M) {
	fmt.Println("engine:", xio.Engine())
	goleak.VerifyTestMain(m)
}

const patience = 60 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}

func listen(t testing.TB, l xio.ListenConfig, h xio.HandlerFunc) *xio.Server {
	t.Helper()
	s, err := l.Listen("tcp://127.0.0.1:0", h)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func dial(t testing.TB, d xio.Dialer, s *xio.Server) *xio.Connection {
	t.Helper()
	c, err := d.Dial(testContext(t), s.URI())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

func call(t testing.TB, c *xio.Connection, m *xio.Message) error {
	t.Helper()
	rsp, err := c.Call(testContext(t), m)
	if err == nil {
		rsp.Release()
	}
	return err
}

func echo(r *xio.Request) { r.Reply(&xio.Message{Header: r.Header(), Data: r.Data()}) }
