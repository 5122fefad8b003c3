// SPDX-License-Identifier: Apache-2.0

package rdma

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// requests is how many a test of load sends; XIO_TEST_REQUESTS says otherwise.
var requests = func() int {
	if n, err := strconv.Atoi(os.Getenv("XIO_TEST_REQUESTS")); err == nil && n > 0 {
		return n
	}
	return 100_000
}()

// flow keeps depth messages in flight until n have been answered. fill makes the
// i-th, check looks at its answer. It fails when nothing is answered for long. What it
// says of either is counted by the script run, see summary.awk.
func flow(t *testing.T, c *xio.Connection, what string, n, depth int, fill func(slot, i int) *xio.Message, check func(slot, i int, r *xio.Response) error) {
	t.Helper()
	type end struct {
		slot, i int
		err     error
	}
	ends := make(chan end, depth)
	send := func(slot, i int) {
		err := c.Send(context.Background(), fill(slot, i), func(r *xio.Response, err error) {
			if err == nil {
				err = check(slot, i, r)
				r.Release()
			}
			ends <- end{slot, i, err}
		})
		require.NoError(t, err)
	}
	began := time.Now()
	sent := 0
	for ; sent < min(depth, n); sent++ {
		send(sent, sent)
	}
	stall := time.NewTimer(patience)
	defer stall.Stop()
	for done := 0; done < n; done++ {
		select {
		case e := <-ends:
			require.NoError(t, e.err, "message %d", e.i)
			if sent < n {
				send(e.slot, sent)
				sent++
			}
		case <-stall.C:
			t.Fatalf("stalled: %s at depth %d, %d of %d answered, %d in flight", what, depth, done, n, sent-done)
		}
		stall.Reset(patience)
	}
	t.Logf("answered: %s at depth %d, %d in %.1f s", what, depth, n, time.Since(began).Seconds())
}

// Small requests, each answered with its number.
func TestRequests(t *testing.T) {
	needsRDMA(t)
	for _, depth := range []int{1, 32, 128} {
		t.Run(fmt.Sprint("depth ", depth), func(t *testing.T) {
			_, c := pair(t, xio.Dialer{})
			headers := make([][8]byte, depth)
			flow(t, c, "requests", requests, depth, func(slot, i int) *xio.Message {
				binary.BigEndian.PutUint64(headers[slot][:], uint64(i))
				return &xio.Message{Header: headers[slot][:], Data: headers[slot][:]}
			}, func(_, i int, r *xio.Response) error {
				var want [8]byte
				binary.BigEndian.PutUint64(want[:], uint64(i))
				if !bytes.Equal(r.Header(), want[:]) || !bytes.Equal(r.Data(), want[:]) {
					return fmt.Errorf("another answer: %x %x", r.Header(), r.Data())
				}
				return nil
			})
		})
	}
}

// Messages of 1 MiB from registered memory, which travel by RDMA read and write.
func TestMebibytes(t *testing.T) {
	needsRDMA(t)
	const size = 1 << 20
	n := max(requests/500, 20)
	for _, depth := range []int{1, 8} {
		t.Run(fmt.Sprint("depth ", depth), func(t *testing.T) {
			p, err := pool.New(pool.Config{})
			require.NoError(t, err)
			defer func() { require.NoError(t, p.Close()) }()
			bufs := make([]*pool.Buffer, depth)
			for i := range bufs {
				bufs[i], err = p.TryGet(size)
				require.NoError(t, err)
				require.True(t, bufs[i].Region().Valid(), "memory without a registration")
				defer bufs[i].Release()
			}
			_, c := pair(t, xio.Dialer{})
			flow(t, c, "mebibytes", n, depth, func(slot, i int) *xio.Message {
				b := bufs[slot].Bytes()
				for at := 0; at < size; at += 4096 {
					binary.BigEndian.PutUint64(b[at:], uint64(i+at))
				}
				return &xio.Message{Buffers: bufs[slot : slot+1], MaxResponse: size}
			}, func(slot, i int, r *xio.Response) error {
				if !bytes.Equal(r.Data(), bufs[slot].Bytes()) {
					return fmt.Errorf("another answer of %d bytes", r.Len())
				}
				return nil
			})
		})
	}
}
