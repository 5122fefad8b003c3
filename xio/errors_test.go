package xio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCodes(t *testing.T) {
	for _, tc := range []struct {
		code Code
		num  int
		text string
	}{
		{0, 0, "success"},
		{ErrNotSupported, 1247689300, "Not supported"},
		{ErrNoBufs, 1247689301, "No buffer space available"},
		{ErrConnect, 1247689302, "Connect error"},
		{ErrRoute, 1247689303, "Route error"},
		{ErrAddr, 1247689304, "Address error"},
		{ErrUnreachable, 1247689305, "No route to host"},
		{ErrMsgSize, 1247689306, "Message too long"},
		{ErrPartialMsg, 1247689307, "Partial message"},
		{ErrMsgInvalid, 1247689308, "Message is invalid"},
		{ErrMsgUnknown, 1247689309, "Message unknown"},
		{ErrSessionRefused, 1247689310, "Session refused"},
		{ErrSessionAborted, 1247689311, "Session aborted"},
		{ErrSessionDisconnected, 1247689312, "Session disconnected"},
		{ErrSessionRejected, 1247689313, "Session rejected"},
		{ErrSessionRedirected, 1247689314, "Session redirected"},
		{ErrSessionClosed, 1247689315, "Session closed"},
		{ErrBindFailed, 1247689316, "Bind failed"},
		{ErrTimeout, 1247689317, "Timeout"},
		{ErrInProgress, 1247689318, "Operation now in progress"},
		{ErrInvalidVersion, 1247689319, "Invalid version"},
		{ErrNotSession, 1247689320, "Not a session"},
		{ErrOpenFailed, 1247689321, "Open failed"},
		{ErrReadFailed, 1247689322, "Read failed"},
		{ErrWriteFailed, 1247689323, "Write failed"},
		{ErrCloseFailed, 1247689324, "Close failed"},
		{ErrUnsuccessful, 1247689325, "Operation unsuccessful"},
		{ErrMsgCanceled, 1247689326, "Message canceled"},
		{ErrMsgCancelFailed, 1247689327, "Message cancel failed"},
		{ErrMsgNotFound, 1247689328, "Message not found"},
		{ErrMsgFlushed, 1247689329, "Message flushed"},
		{ErrMsgDiscarded, 1247689330, "Message discarded"},
		{ErrState, 1247689331, "Operation not permitted in current state"},
		{ErrNoUserBufs, 1247689332, "User buffers not available"},
		{ErrNoUserMR, 1247689333, "User mr not available"},
		{ErrUserBufOverflow, 1247689334, "Local user buffers overflow"},
		{ErrRemUserBufOverflow, 1247689335, "Remote user buffers overflow"},
		{ErrTxQueueOverflow, 1247689336, "Send queue overflow"},
		{ErrUserObjNotFound, 1247689337, "User object not found"},
		{ErrPeerQueueSizeMismatch, 1247689338, "Peer receive queue is smaller then message size"},
		{ErrRspBufSizeMismatch, 1247689339, "Response buffer is smaller then actual response"},
		{ErrClosed, -1, "closed on this side"},
		{Code(syscall.ECONNREFUSED), 111, "connection refused"},
		{errLast, 1247689340, "unknown error 1247689340"},
		{-5, -5, "unknown error -5"},
	} {
		assert.EqualValues(t, tc.num, tc.code)
		assert.Equal(t, tc.text, tc.code.String())
	}
}

func TestErrorMatches(t *testing.T) {
	cause := errors.New("cause")
	for _, tc := range []struct {
		name               string
		err                *Error
		is, isNot          []error
		timeout, temporary bool
		text               string
	}{
		{
			name:  "status",
			err:   &Error{Op: "call", URI: "tcp://h:1", Code: ErrMsgFlushed},
			is:    []error{ErrMsgFlushed},
			isNot: []error{ErrMsgDiscarded, ErrClosed, net.ErrClosed, syscall.EPERM, io.EOF},
			text:  "xio: call tcp://h:1: message flushed (XIO_E_MSG_FLUSHED)",
		},
		{
			name: "errno as code",
			err:  &Error{Op: "listen", Code: Code(syscall.EADDRINUSE)},
			is:   []error{syscall.EADDRINUSE, Code(syscall.EADDRINUSE)},
			text: "xio: listen: address already in use (EADDRINUSE)",
		},
		{
			name: "errno beside code",
			err:  &Error{Op: "dial", URI: "u", Code: ErrConnect, Errno: syscall.ECONNREFUSED},
			is:   []error{ErrConnect, syscall.ECONNREFUSED},
			text: "xio: dial u: connect error (XIO_E_CONNECT_ERROR): connection refused (ECONNREFUSED)",
		},
		{
			name: "closed",
			err:  &Error{Op: "call", Code: ErrClosed},
			is:   []error{ErrClosed, net.ErrClosed},
			text: "xio: call: closed on this side",
		},
		{
			name:    "timeout",
			err:     &Error{Op: "dial", Code: ErrTimeout, Err: context.DeadlineExceeded},
			is:      []error{ErrTimeout, context.DeadlineExceeded},
			timeout: true, temporary: true,
			text: "xio: dial: timeout (XIO_E_TIMEOUT): context deadline exceeded",
		},
		{
			name:    "errno timeout",
			err:     &Error{Op: "dial", Code: Code(syscall.ETIMEDOUT)},
			is:      []error{syscall.ETIMEDOUT},
			timeout: true,
			text:    "xio: dial: connection timed out (ETIMEDOUT)",
		},
		{
			name:      "overflow",
			err:       &Error{Op: "send", Code: ErrTxQueueOverflow, Text: "queue depth reached"},
			is:        []error{ErrTxQueueOverflow},
			temporary: true,
			text:      "xio: send: send queue overflow (XIO_E_TX_QUEUE_OVERFLOW): queue depth reached",
		},
		{
			name: "remote",
			err:  &Error{Op: "call", Code: ErrRoute, Remote: true, Text: "no way"},
			is:   []error{ErrRoute},
			text: "xio: call: peer: route error (XIO_E_ROUTE_ERROR): no way",
		},
		{
			name: "cause",
			err:  &Error{Op: "x", Code: ErrAddr, Err: fmt.Errorf("wrapped: %w", cause)},
			is:   []error{ErrAddr, cause},
			text: "xio: x: address error (XIO_E_ADDR_ERROR): wrapped: cause",
		},
		{
			name: "reason",
			err:  &Error{Op: "dial", URI: "u", Code: ErrSessionRejected, Err: ErrSessionRefused},
			is:   []error{ErrSessionRejected, ErrSessionRefused},
			text: "xio: dial u: session rejected (XIO_E_SESSION_REJECTED): session refused (XIO_E_SESSION_REFUSED)",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := fmt.Errorf("outer: %w", tc.err)
			for _, target := range tc.is {
				assert.ErrorIs(t, err, target)
			}
			for _, target := range tc.isNot {
				assert.NotErrorIs(t, err, target)
			}
			assert.Equal(t, tc.timeout, tc.err.Timeout())
			assert.Equal(t, tc.temporary, tc.err.Temporary())
			assert.Equal(t, tc.text, tc.err.Error())
			assert.Equal(t, tc.timeout, os.IsTimeout(tc.err))
			var e *Error
			require.ErrorAs(t, err, &e)
			assert.Same(t, tc.err, e)
		})
	}
}

func TestCodeOf(t *testing.T) {
	assert.Equal(t, ErrRoute, CodeOf(ErrRoute))
	assert.Equal(t, ErrRoute, CodeOf(fmt.Errorf("x: %w", &Error{Code: ErrRoute})))
	assert.Equal(t, ErrUnsuccessful, CodeOf(io.EOF))
}

func TestParseURI(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want uri
		out  string
	}{
		{"tcp://127.0.0.1:2061", uri{"tcp", "127.0.0.1", "", 2061}, "tcp://127.0.0.1:2061"},
		{"tcp://host:0", uri{"tcp", "host", "", 0}, "tcp://host:0"},
		{"tcp://*:1", uri{"tcp", "*", "", 1}, "tcp://*:1"},
		{"rdma://10.0.0.1:65535/a/b?c=d:e", uri{"rdma", "10.0.0.1", "/a/b?c=d:e", 65535}, "rdma://10.0.0.1:65535/a/b?c=d:e"},
		{"tcp://[::1]:2061?x", uri{"tcp", "::1", "?x", 2061}, "tcp://[::1]:2061?x"},
	} {
		u, why := parseURI(tc.in)
		require.Empty(t, why, tc.in)
		assert.Equal(t, tc.want, u)
		assert.Equal(t, tc.out, u.String())
	}
}

func TestRespell(t *testing.T) {
	for n, want := range map[int]string{
		0: "127.0.0.1", 1: "0x7f.0.0.1", 2: "0x07f.0.0.1", 3: "0177.0.0.1", 4: "00177.0.0.1", 5: "127.0x0.0.1",
		624: "00177.000.000.001", 625: "127.0.0.1",
	} {
		assert.Equal(t, "tcp://"+want+":99/a.b", respell("tcp://127.0.0.1:99/a.b", n))
	}
	for v := range 256 {
		for n := range spellings {
			assert.LessOrEqual(t, len(fmt.Sprintf(spellings[n], v)), len(strconv.Itoa(v))+3)
		}
	}
	assert.Equal(t, "tcp://[::1]:99", respell("tcp://[::1]:99", 7))
}

func TestResolve(t *testing.T) {
	ctx := testContext(t)
	for in, want := range map[string]string{"*": "0.0.0.0", "127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::ffff:10.1.2.3": "10.1.2.3"} {
		u, err := uri{scheme: "tcp", host: in, port: 1}.resolve(ctx)
		require.NoError(t, err, in)
		assert.Equal(t, want, u.host)
	}
	_, err := uri{scheme: "tcp"}.resolve(ctx)
	require.Error(t, err)
	done, cancel := context.WithCancel(ctx)
	cancel()
	_, err = prepareURI(done, "dial", "tcp://some-host.invalid:1")
	require.ErrorIs(t, err, context.Canceled)
}

func TestInitTwice(t *testing.T) {
	o := libraryOptions()
	require.NoError(t, Init(o))
	o.SingleStream = !o.SingleStream
	require.ErrorIs(t, Init(o), ErrState)
}

func TestEngine(t *testing.T) {
	e := Engine()
	assert.Contains(t, []string{"embedded", "libxio"}, e.Provider)
	assert.Contains(t, e.Version, "accelio_")
	assert.NotEmpty(t, e.Linkage)
	assert.Contains(t, e.String(), e.Version)
}
