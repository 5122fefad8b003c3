// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

// run is a number of messages of one shape.
type run struct {
	name  string
	shape shape
	count int
	depth int
	args  []string // more for the peer
}

const mib = 1 << 20

// Lengths on both sides of every limit of the protocol: inline data (8192),
// inline responses without and with a buffer announced (9119, 9103), the point
// where a request announces its buffer (8904).
func runs() []run {
	var list []run
	count := func(size int) int {
		switch {
		case size >= mib:
			return 12
		case size > 8193:
			return 24
		}
		return 100
	}
	for _, size := range []int{0, 1, 7, 32, 8191, 8192, 8193, 65536, mib} {
		s := plain
		s.size = []int{size}
		list = append(list, run{name: fmt.Sprintf("request %d", size), shape: s, count: count(size), depth: 8})
	}
	for _, size := range []int{0, 1, 8192, 8193, 8903, 8904, 9103, 9104, 9119, 9120, 65536, mib} {
		s := plain
		s.rsp, s.rspHdr = []int{size}, []int{0}
		list = append(list, run{name: fmt.Sprintf("response %d", size), shape: s, count: count(size), depth: 8})
	}
	for _, size := range []int{0, 1, 255, 256} {
		s := shape{hdr: []int{size}, size: []int{32}, rspHdr: []int{size}, rsp: []int{32}}
		list = append(list, run{name: fmt.Sprintf("header %d", size), shape: s, count: 100, depth: 8})
		s.size, s.rsp = []int{8192}, []int{8192}
		list = append(list, run{name: fmt.Sprintf("header %d, data 8192", size), shape: s, count: 100, depth: 8})
	}
	nothing := shape{hdr: []int{0}, size: []int{0}, rspHdr: []int{0}, rsp: []int{0}}
	list = append(list, run{name: "nothing at all", shape: nothing, count: 100, depth: 8})
	for _, size := range []int{4, 4096, 8192, 8193, 65537, mib, 4 * mib} {
		s := plain
		s.size, s.segs = []int{size}, 4
		list = append(list, run{name: fmt.Sprintf("4 segments, %d", size), shape: s, count: count(size), depth: 4})
	}
	for _, depth := range []int{1, 32, 256} {
		list = append(list, run{name: fmt.Sprintf("depth %d", depth), shape: plain, count: 4 * depth, depth: depth})
	}
	mixed := shape{
		hdr: []int{8, 9, 255, 256, 100}, size: []int{0, 1, 32, 8192, 8193, 65536, 10000, 300000},
		rspHdr: []int{0, 1, 256}, rsp: []int{9119, 0, 65536, 8192, 9120, 1, 200000},
	}
	echo := mixed
	echo.echo = true
	segs := echo
	segs.segs = 3
	return append(list,
		run{name: "mixed", shape: mixed, count: 1000, depth: 32},
		run{name: "mixed echo", shape: echo, count: 1000, depth: 32},
		run{name: "mixed echo in segments", shape: segs, count: 500, depth: 32},
		run{name: "echo 1 MiB", shape: shape{hdr: []int{8}, size: []int{mib}, rspHdr: []int{8}, rsp: []int{0}, echo: true}, count: 64, depth: 32},
		run{name: "mixed, Nagle", shape: mixed, count: 200, depth: 32, args: []string{"nodelay=0"}},
	)
}

func TestGoClientSizes(t *testing.T) {
	more := []run{
		{name: "library's memory", shape: shape{hdr: []int{8}, size: []int{8193, 65536, mib}, rspHdr: []int{8}, rsp: []int{0}, echo: true},
			count: 48, depth: 8, args: []string{"assign=0"}},
		{name: "automatic accept", shape: plain, count: 10, depth: 2, args: []string{"accept=auto"}},
		{name: "16 MiB in one segment", shape: shape{hdr: []int{8}, size: []int{16 * mib}, rspHdr: []int{8}, rsp: []int{64}}, count: 4, depth: 2},
	}
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, r := range slices.Concat(runs(), more) {
			t.Run(r.name, func(t *testing.T) {
				leakCheck(t)
				p := k.start(t, "server", r.shape.args(), r.args, fmt.Sprintf("count=%d", r.count))
				c := dial(t, xio.Dialer{QueueDepth: max(2, r.depth)}, p.uri())
				require.NoError(t, r.shape.run(testContext(t), c, uint64(r.count), r.depth))
				require.NoError(t, c.Close())
				rep := p.end()
				require.Equal(t, uint64(r.count), rep["received"])
				require.Equal(t, uint64(r.count), rep["answered"])
			})
		}
	})
}

func TestGoServerSizes(t *testing.T) {
	more := []run{
		{name: "no buffers, response 9119", shape: shape{hdr: []int{8}, size: []int{32}, rspHdr: []int{0}, rsp: []int{9119}}, count: 100, depth: 8, args: []string{"in=none"}},
		{name: "no buffers, echo 8192", shape: shape{hdr: []int{8}, size: []int{8192, 32, 0}, rspHdr: []int{8}, rsp: []int{0}, echo: true}, count: 100, depth: 8, args: []string{"in=none"}},
		{name: "lengths only", shape: shape{hdr: []int{8}, size: []int{32}, rspHdr: []int{8}, rsp: []int{100, 8193, 65536, mib}}, count: 100, depth: 8, args: []string{"in=length"}},
		{name: "16 MiB in one segment", shape: shape{hdr: []int{8}, size: []int{16 * mib}, rspHdr: []int{8}, rsp: []int{64}}, count: 4, depth: 2},
	}
	forEachPeer(t, func(t *testing.T, k peerKind) {
		for _, stream := range []string{"dual", "single"} {
			for _, r := range slices.Concat(runs(), more) {
				t.Run(stream+"/"+r.name, func(t *testing.T) {
					leakCheck(t)
					svc := newService(r.shape)
					s := listen(t, xio.ListenConfig{}, svc)
					p := k.start(t, "client", port(s.URI()), r.shape.args(), r.args, "close=1",
						fmt.Sprintf("count=%d", r.count), fmt.Sprintf("depth=%d", r.depth), streamArg(stream))
					rep := p.end()
					require.Equal(t, uint64(r.count), rep["responses"])
					svc.require(t, uint64(r.count))
					require.NoError(t, s.Close())
				})
			}
		}
	})
}

func streamArg(stream string) string {
	if stream == "single" {
		return "single=1"
	}
	return "single=0"
}

// A response that the requester has no room for is refused to the handler, and
// the request can still be answered.
func TestGoServerRefusesTooLargeResponse(t *testing.T) {
	forEachPeer(t, func(t *testing.T, k peerKind) {
		leakCheck(t)
		sh := plain
		sh.rspHdr = []int{0}
		svc := newService(sh)
		refused := make(chan error, 1)
		s := listen(t, xio.ListenConfig{}, xio.HandlerFunc(func(r *xio.Request) {
			n := svc.verify(r)
			refused <- r.Reply(&xio.Message{Data: make([]byte, 9120)})
			if err := svc.answer(r, n); err != nil {
				svc.fail(err)
			}
		}))
		p := k.start(t, "client", port(s.URI()), sh.args(), "in=none", "close=1")
		require.ErrorIs(t, await(t, "the refusal", refused), xio.ErrMsgSize)
		require.Equal(t, uint64(1), p.end()["responses"])
		svc.require(t, 1)
	})
}
