package xio

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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

// Names are those of the C interface, and every error's text has its
// own once.
func TestCodeNamesInC(t *testing.T) {
	header, err := os.ReadFile("../accelio/libxio.h")
	require.NoError(t, err)
	names := regexp.MustCompile(`(XIO_E_\w+)\s*= XIO_BASE_STATUS(?: \+ (\d+))?`).FindAllStringSubmatch(string(header), -1)
	require.Len(t, names, int(errLast-ErrNotSupported)+1)
	for _, m := range names[:len(names)-1] { // without XIO_E_LAST_STATUS
		n, _ := strconv.Atoi("0" + m[2])
		c := ErrNotSupported + Code(n)
		assert.Equal(t, m[1], "XIO_E_"+c.Name())
		text := (&Error{Op: "call", Code: c}).Error()
		assert.Equal(t, 1, strings.Count(text, "("+m[1]+")"), text)
	}
	for c, want := range map[Code]string{
		0: "success", ErrClosed: "closed on this side", Code(syscall.ENOENT): "no such file or directory (ENOENT)",
		ErrUnreachable: "no route to host (XIO_E_UNREACHABLE)", errLast: "unknown error 1247689340", 4095: "errno 4095",
	} {
		assert.Equal(t, want, c.Error())
	}
}
