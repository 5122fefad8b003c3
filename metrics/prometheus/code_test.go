// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/xio"
)

func TestResultNames(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{nil, "OK"},
		{xio.ErrNotSupported, "NOT_SUPPORTED"},
		{xio.ErrRspBufSizeMismatch, "RSP_BUF_SIZE_MISMATCH"},
		{xio.ErrMsgFlushed, "MSG_FLUSHED"},
		{&xio.Error{Op: "call", Code: xio.ErrTimeout, Err: context.DeadlineExceeded}, "TIMEOUT"},
		{fmt.Errorf("wrapped: %w", &xio.Error{Code: xio.ErrClosed}), "CLOSED"},
		{fmt.Errorf("wrapped: %w", xio.ErrState), "STATE"},
		{&xio.Error{Code: xio.Code(syscall.ENOENT)}, "ENOENT"},
		{&xio.Error{Code: xio.Code(maxErrno)}, "EHWPOISON"},
		{&xio.Error{Code: xio.Code(maxErrno + 1)}, "OTHER"},
		{&xio.Error{Code: xio.ErrNotSupported - 1}, "OTHER"},
		{&xio.Error{Code: xio.ErrRspBufSizeMismatch + 1}, "OTHER"},
		{&xio.Error{Code: 0}, "OTHER"},
		{&xio.Error{Code: -1 << 31}, "OTHER"},
		{errors.New("a text"), "UNSUCCESSFUL"},
		{context.Canceled, "UNSUCCESSFUL"},
	} {
		r := resultOf(tc.err)
		assert.Equal(t, tc.want, resultName(r), "%v", tc.err)
		assert.Equal(t, tc.want == "OK", r == resultOK)
	}
}

// Whatever a peer sends, it ends as one of these.
func TestResultsAreBoundedAndDistinct(t *testing.T) {
	seen := make(map[string]xio.Code)
	see := func(from, to xio.Code) {
		for code := from; code <= to; code++ {
			r := resultOf(code)
			require.Less(t, r, results)
			name := resultName(r)
			require.NotEmpty(t, name)
			if name == "OTHER" {
				continue
			}
			other, again := seen[name]
			require.False(t, again, "%s is both %d and %d", name, code, other)
			seen[name] = code
		}
	}
	see(-10, 3000)
	see(xio.ErrNotSupported-10, xio.ErrRspBufSizeMismatch+10)
	// All of libxio's, CLOSED, and the errno values but two that Linux lacks.
	assert.Len(t, seen, firstErrno-firstStatus+1+maxErrno-2)
}
