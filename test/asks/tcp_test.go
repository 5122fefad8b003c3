// SPDX-License-Identifier: Apache-2.0

package asks

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// sized answers with as many bytes as the request's header says.
var sized = xio.HandlerFunc(func(r *xio.Request) {
	n, err := strconv.Atoi(string(r.Header()))
	if err != nil {
		_ = r.ReplyError(xio.ErrMsgInvalid, err.Error())
		return
	}
	answer(r, &xio.Message{Data: pattern(n, n)})
})

// The user wants responses above 9,119 bytes over TCP without supplying a buffer;
// both sides aborted: https://github.com/accelio/accelio/issues/34
func TestAccelio34_LargeResponseOverTCP(t *testing.T) {
	leakCheck(t)
	c := dial(t, xio.Dialer{}, listen(t, xio.ListenConfig{}, sized).URI())
	for _, n := range []int{8192, 8193, 9088, 9119, 9120, 9121, 16384, 64 << 10} {
		_, data, err := call(c, &xio.Message{Header: fmt.Append(nil, n)})
		require.NoError(t, err, n)
		require.True(t, bytes.Equal(pattern(n, n), data), n)
	}
	for _, n := range []int{64<<10 + 1, 1 << 20, 5_000_000} { // announced, still no buffer
		_, data, err := call(c, &xio.Message{Header: fmt.Append(nil, n), MaxResponse: n})
		require.NoError(t, err, n)
		require.True(t, bytes.Equal(pattern(n, n), data), n)
	}
}

// mirror answers with the request's data in elements of the sizes that the
// request's header lists.
var mirror = xio.HandlerFunc(func(r *xio.Request) {
	var sizes []int
	for s := range strings.FieldsSeq(string(r.Header())) {
		n, err := strconv.Atoi(s)
		if err != nil {
			_ = r.ReplyError(xio.ErrMsgInvalid, err.Error())
			return
		}
		sizes = append(sizes, n)
	}
	list, err := elements(r.Context(), r.Data(), sizes)
	if err != nil {
		_ = r.ReplyError(xio.ErrNoBufs, err.Error())
		return
	}
	defer list.Release()
	answer(r, &xio.Message{Header: r.Header(), Buffers: list})
})

// askMirror sends elements of the given sizes and wants them back.
func askMirror(t *testing.T, c *xio.Connection, sizes ...int) {
	t.Helper()
	header := []byte(strings.Trim(fmt.Sprint(sizes), "[]"))
	total := 0
	for _, n := range sizes {
		total += n
	}
	want := pattern(total, total)
	list, err := elements(testContext(t), want, sizes)
	require.NoError(t, err)
	defer list.Release()
	gotHeader, got, err := call(c, &xio.Message{Header: header, Buffers: list, MaxResponse: total})
	require.NoError(t, err, sizes)
	require.Equal(t, string(header), string(gotHeader))
	require.True(t, bytes.Equal(want, got), sizes)
}

// The user sends two elements over TCP and wants both at the server, which got the
// first only: https://github.com/accelio/accelio/issues/67
func TestAccelio67_EveryElementArrives(t *testing.T) {
	leakCheck(t)
	c := dial(t, xio.Dialer{}, listen(t, xio.ListenConfig{}, mirror).URI())
	askMirror(t, c, 26, 26)
	askMirror(t, c, 1, 2, 3)
	askMirror(t, c, 1, 1000, 1, 2000)
	askMirror(t, c, 100_000, 1, 200_000, 3)
	// Plain memory in front of the others is an element too.
	list, err := elements(testContext(t), []byte("second"), []int{6})
	require.NoError(t, err)
	defer list.Release()
	_, got, err := call(c, &xio.Message{Header: []byte("5 6"), Data: []byte("first"), Buffers: list})
	require.NoError(t, err)
	require.Equal(t, "firstsecond", string(got))
}

// The user answers with a header of 48 bytes and one element of 2 MiB, and wants one
// element to arrive, not one of 48 bytes and the rest:
// https://github.com/accelio/accelio/issues/62
func TestAccelio62_OneElementArrivesAsOne(t *testing.T) {
	leakCheck(t)
	header := pattern(48, 1)
	arrived := make(chan int, 1)
	s := listen(t, xio.ListenConfig{}, xio.HandlerFunc(func(r *xio.Request) {
		arrived <- len(r.Segments())
		list, err := elements(r.Context(), r.Data(), []int{r.Len()})
		if err != nil {
			_ = r.ReplyError(xio.ErrNoBufs, err.Error())
			return
		}
		defer list.Release()
		answer(r, &xio.Message{Header: r.Header(), Buffers: list})
	}))
	c := dial(t, xio.Dialer{}, s.URI())
	for _, n := range []int{1, 48, 4096, 9120, 2 << 20} {
		rsp, err := c.Call(testContext(t), &xio.Message{Header: header, Data: pattern(n, 2), MaxResponse: n})
		require.NoError(t, err, n)
		assert.Equal(t, 1, <-arrived, "of a request of %d bytes", n)
		assert.Equal(t, header, rsp.Header())
		if assert.Len(t, rsp.Segments(), 1, n) {
			assert.True(t, bytes.Equal(pattern(n, 2), rsp.Segments()[0]), n)
		}
		rsp.Release()
	}
}

// The user reads the header of a message with large data while its data is placed,
// over TCP with two streams, where it was not there yet:
// https://github.com/accelio/accelio/issues/90
func TestAccelio90_HeaderIsThereWithLargeData(t *testing.T) {
	leakCheck(t)
	s := listen(t, xio.ListenConfig{}, xio.HandlerFunc(func(r *xio.Request) {
		n, err := strconv.Atoi(strings.TrimSpace(string(r.Header())))
		if err != nil || n != r.Len() || !bytes.Equal(pattern(n, n), r.Data()) {
			_ = r.ReplyError(xio.ErrMsgInvalid, fmt.Sprintf("header %q, %d bytes of data", r.Header(), r.Len()))
			return
		}
		echo(r)
	}))
	c := dial(t, xio.Dialer{}, s.URI())
	for _, n := range []int{0, 8192, 8193, 100_000, 3 << 20} {
		for _, width := range []int{1, 100, xio.MaxHeader} {
			header := fmt.Appendf(nil, "%*d", width, n)
			gotHeader, data, err := call(c, &xio.Message{Header: header, Data: pattern(n, n), MaxResponse: n})
			require.NoError(t, err, n)
			require.Equal(t, string(header), string(gotHeader))
			require.True(t, bytes.Equal(pattern(n, n), data), n)
		}
	}
}

// The user runs the hello test with more than 8 KiB in several vectors, which ended
// in a segmentation fault: https://github.com/accelio/accelio/issues/203
func TestAccelio203_SeveralVectorsAbove8KiB(t *testing.T) {
	leakCheck(t)
	c := dial(t, xio.Dialer{}, listen(t, xio.ListenConfig{}, mirror).URI())
	for _, total := range []int{8192, 8193, 9119, 9120, 16384, 1 << 20} {
		for n := 1; n <= xio.MaxSegments; n++ {
			askMirror(t, c, pool.Even(total, n)...)
			askMirror(t, c, pool.Growing(total, n)...)
		}
	}
}

// The user ends server and client as they should end, and wants no ERROR lines:
// https://github.com/accelio/accelio/issues/33
func TestAccelio33_NoErrorLinesAfterANormalExit(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"client", "server"} {
		server := start(t, "serve", "")
		uri := server.expect("uri")
		if first == "server" { // a client is there when it ends
			client := start(t, "hold", uri)
			client.expect("up")
			require.Empty(t, server.end(), "the server, which ended first")
			require.Empty(t, client.end(), "the client, which ended last")
			continue
		}
		require.Empty(t, start(t, "exchange", uri).end(), "the client")
		require.Empty(t, server.end(), "the server")
	}
}

// The users use TCP on a machine without InfiniBand and want no critical errors
// about it: https://github.com/accelio/accelio/pull/63 and
// https://github.com/accelio/accelio/pull/64
func TestAccelio63_NoWordAboutMissingInfiniBand(t *testing.T) {
	t.Parallel()
	server := start(t, "serve", "")
	client := start(t, "exchange", server.expect("uri"))
	for _, said := range []string{client.end(), server.end()} {
		require.Empty(t, said)
	}
}
