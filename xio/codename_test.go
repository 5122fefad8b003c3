package xio

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCodeNames(t *testing.T) {
	for c, want := range map[Code]string{
		0: "OK", ErrClosed: "CLOSED", ErrNotSupported: "NOT_SUPPORTED", ErrMsgFlushed: "MSG_FLUSHED",
		ErrRspBufSizeMismatch: "RSP_BUF_SIZE_MISMATCH", Code(syscall.ENOENT): "ENOENT",
		errLast: "", ErrNotSupported - 1: "", -2: "",
	} {
		assert.Equal(t, want, c.Name(), int(c))
	}
	seen := map[string]Code{}
	for c := ErrNotSupported; c < errLast; c++ {
		assert.NotEmpty(t, c.Name(), int(c))
		assert.Zero(t, seen[c.Name()])
		seen[c.Name()] = c
	}
}
