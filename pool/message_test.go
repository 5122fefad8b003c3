// SPDX-License-Identifier: Apache-2.0

package pool_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// echoPair is a connection to a server that answers with what it was sent.
func echoPair(t *testing.T) (context.Context, *xio.Connection) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		req.Reply(&xio.Message{Data: req.Data()})
	}))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	conn, err := xio.Dial(ctx, srv.URI())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return ctx, conn
}

// Memory of every kind is sent from, and gathered at the other end, in as many
// segments as a message can have.
func TestListsTravel(t *testing.T) {
	ctx, conn := echoPair(t)
	for name, cfg := range map[string]pool.Config{
		"plain":      {},
		"huge pages": {HugePages: true, Limit: 64 << 20},
		"node":       {Node: pool.OnNode(0)},
		"both":       {HugePages: true, Node: pool.OnNode(0), Classes: pool.Sizes(4160, 100_000, 2<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := pool.New(cfg)
			require.NoError(t, err)
			c, err := p.NewCache(0)
			require.NoError(t, err)
			for _, total := range []int{1, 1000, 10_000, 300_000, 3 << 20} {
				data := make([]byte, total)
				for i := range data {
					data[i] = byte(i * 31 >> 3)
				}
				fit, err := p.Fit(total, xio.MaxSegments)
				require.NoError(t, err)
				for _, sizes := range [][]int{fit, pool.Even(total, xio.MaxSegments), pool.Growing(total, xio.MaxSegments)} {
					w := pool.NewWriter(ctx, c, sizes...)
					_, err = w.Write(data)
					require.NoError(t, err, sizes)
					list := w.List()
					rsp, err := conn.Call(ctx, &xio.Message{Buffers: list, MaxResponse: total})
					list.Release()
					require.NoError(t, err, sizes)
					got, err := io.ReadAll(pool.NewReader(rsp.Segments()...))
					require.NoError(t, err)
					require.Equal(t, data, got, sizes)
					rsp.Release()
				}
			}
			require.NoError(t, p.CloseContext(ctx), "the connection has given all buffers back")
			require.NoError(t, c.Close())
		})
	}
}

// Which calls of a pool are safe on several threads? All of them. Ten threads
// crashed it.
func TestAccelio32_PoolOfTenThreads(t *testing.T) {
	p, err := pool.New(pool.Config{Limit: 4 << 20})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for g := range 10 {
		wg.Go(func() {
			for i := range 500 {
				b, err := p.Get(context.Background(), 1+(g*500+i)*97%300_000)
				if !assert.NoError(t, err) {
					return
				}
				b.Bytes()[0] = byte(g)
				assert.Equal(t, byte(g), b.Bytes()[0])
				b.Release()
				if i%100 == 0 {
					p.Trim(0)
				}
			}
		})
	}
	wg.Wait()
	require.NoError(t, p.Close())
	assert.Zero(t, p.Stats().Held)
}

// "mempool is empty" for a message of 12.6 MB, as no slab was that large.
func TestAccelio199_BuffersOfAnySizeUpToALargestMessage(t *testing.T) {
	p, err := pool.New(pool.Config{})
	require.NoError(t, err)
	for _, n := range []int{12_600_000, 1<<20 + 1, pool.MaxBuffer} {
		b, err := p.TryGet(n)
		require.NoError(t, err)
		assert.Equal(t, n, b.Len())
		b.Release()
	}
	require.NoError(t, p.Close())
}
