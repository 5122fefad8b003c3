package xio

import (
	"strconv"
	"syscall"

	"github.com/accelio/accelio-go/xio/cgo"
)

// Code says what went wrong: a status of libxio (enum xio_status), an errno
// value, or one of this package's own. Every constant below is an error to
// compare with:
//
//	if errors.Is(err, xio.ErrMsgFlushed) { … }
type Code int32

// libxio's status codes.
const (
	ErrNotSupported          Code = cgo.BaseStatus + iota // XIO_E_NOT_SUPPORTED
	ErrNoBufs                                             // XIO_E_NO_BUFS
	ErrConnect                                            // XIO_E_CONNECT_ERROR
	ErrRoute                                              // XIO_E_ROUTE_ERROR
	ErrAddr                                               // XIO_E_ADDR_ERROR
	ErrUnreachable                                        // XIO_E_UNREACHABLE
	ErrMsgSize                                            // XIO_E_MSG_SIZE
	ErrPartialMsg                                         // XIO_E_PARTIAL_MSG
	ErrMsgInvalid                                         // XIO_E_MSG_INVALID
	ErrMsgUnknown                                         // XIO_E_MSG_UNKNOWN
	ErrSessionRefused                                     // XIO_E_SESSION_REFUSED
	ErrSessionAborted                                     // XIO_E_SESSION_ABORTED
	ErrSessionDisconnected                                // XIO_E_SESSION_DISCONNECTED
	ErrSessionRejected                                    // XIO_E_SESSION_REJECTED
	ErrSessionRedirected                                  // XIO_E_SESSION_REDIRECTED
	ErrSessionClosed                                      // XIO_E_SESSION_CLOSED
	ErrBindFailed                                         // XIO_E_BIND_FAILED
	ErrTimeout                                            // XIO_E_TIMEOUT
	ErrInProgress                                         // XIO_E_IN_PORGRESS
	ErrInvalidVersion                                     // XIO_E_INVALID_VERSION
	ErrNotSession                                         // XIO_E_NOT_SESSION
	ErrOpenFailed                                         // XIO_E_OPEN_FAILED
	ErrReadFailed                                         // XIO_E_READ_FAILED
	ErrWriteFailed                                        // XIO_E_WRITE_FAILED
	ErrCloseFailed                                        // XIO_E_CLOSE_FAILED
	ErrUnsuccessful                                       // XIO_E_UNSUCCESSFUL
	ErrMsgCanceled                                        // XIO_E_MSG_CANCELED
	ErrMsgCancelFailed                                    // XIO_E_MSG_CANCEL_FAILED
	ErrMsgNotFound                                        // XIO_E_MSG_NOT_FOUND
	ErrMsgFlushed                                         // XIO_E_MSG_FLUSHED
	ErrMsgDiscarded                                       // XIO_E_MSG_DISCARDED
	ErrState                                              // XIO_E_STATE
	ErrNoUserBufs                                         // XIO_E_NO_USER_BUFS
	ErrNoUserMR                                           // XIO_E_NO_USER_MR
	ErrUserBufOverflow                                    // XIO_E_USER_BUF_OVERFLOW
	ErrRemUserBufOverflow                                 // XIO_E_REM_USER_BUF_OVERFLOW
	ErrTxQueueOverflow                                    // XIO_E_TX_QUEUE_OVERFLOW
	ErrUserObjNotFound                                    // XIO_E_USER_OBJ_NOT_FOUND
	ErrPeerQueueSizeMismatch                              // XIO_E_PEER_QUEUE_SIZE_MISMATCH
	ErrRspBufSizeMismatch                                 // XIO_E_RSP_BUF_SIZE_MISMATCH
	errLast
)

// The constants end where libxio's do.
var _ [cgo.LastStatus - int(errLast)]struct{} = [0]struct{}{}

// ErrClosed is for use of something that was closed on this side. An [Error]
// with it also is [net.ErrClosed].
const ErrClosed Code = -1

// Error implements error: the code's words, and its name in C to search for, as
// in "message flushed (XIO_E_MSG_FLUSHED)" and "connection refused
// (ECONNREFUSED)".
func (c Code) Error() string {
	text := c.String()
	if text[0] >= 'A' && text[0] <= 'Z' {
		text = string(text[0]+'a'-'A') + text[1:]
	}
	switch name := c.Name(); {
	case c >= ErrNotSupported && c < errLast:
		return text + " (XIO_E_" + name + ")"
	case c.Errno() != 0 && name != "":
		return text + " (" + name + ")"
	}
	return text
}

// String is the code's words alone, as libxio has them: "Message flushed"; or the
// system's for an errno value.
//
// Implements:
//
//	const char *xio_strerror(int code)
func (c Code) String() string {
	switch {
	case c == 0:
		return "success"
	case c == ErrClosed:
		return "closed on this side"
	case c > 0 && c < ErrNotSupported:
		return syscall.Errno(c).Error()
	case c >= ErrNotSupported && c < errLast:
		return cgo.StatusText(int(c))
	}
	return "unknown error " + strconv.Itoa(int(c))
}

// Errno is the code as an errno value, or 0 if it is none.
func (c Code) Errno() syscall.Errno {
	if c > 0 && c < ErrNotSupported {
		return syscall.Errno(c)
	}
	return 0
}
