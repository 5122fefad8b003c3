package xio

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
)

// Error reports a failed operation. It matches, by [errors.Is], its Code, its
// Errno, and whatever Err is or wraps. Nobody changes it once it is returned, so
// any goroutine may read it.
//
// Implements:
//
//	int xio_errno(void)
type Error struct {
	Op     string        // what was attempted: "dial", "listen", "call", "send", "deliver", "reply", …; "connection" for the loss of one
	URI    string        // of the peer or the listener, empty if there is none
	Code   Code          // why, in libxio's terms
	Errno  syscall.Errno // the system's reason, 0 if there is none
	Remote bool          // the peer's application ended the request with this error
	Text   string        // detail, may be empty
	Err    error         // cause, may be nil: a context's error, a resolver's error
	// PeerData is what a server that rejected the session sent with it, nil
	// otherwise.
	PeerData []byte
}

// Error implements error. The text says what was attempted, with whom, why, by
// the words and the C name of Code, and whatever more is known:
//
//	xio: dial tcp://server:2061: connect error (XIO_E_CONNECT_ERROR): connection refused (ECONNREFUSED)
//	xio: call tcp://server:2061: peer: operation unsuccessful (XIO_E_UNSUCCESSFUL): the handler panicked
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("xio: ")
	b.WriteString(e.Op)
	if e.URI != "" {
		b.WriteByte(' ')
		b.WriteString(e.URI)
	}
	b.WriteString(": ")
	if e.Remote {
		b.WriteString("peer: ")
	}
	b.WriteString(e.Code.Error())
	if e.Errno != 0 && e.Code.Errno() == 0 {
		b.WriteString(": ")
		b.WriteString(Code(e.Errno).Error())
	}
	if e.Text != "" {
		b.WriteString(": ")
		b.WriteString(e.Text)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the errors that [errors.Is] and [errors.As] find in it.
func (e *Error) Unwrap() []error {
	errs := []error{e.Code}
	if no := e.Code.Errno(); no != 0 {
		errs = append(errs, no)
	}
	if e.Errno != 0 {
		errs = append(errs, e.Errno)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	if e.Code == ErrClosed {
		errs = append(errs, net.ErrClosed)
	}
	return errs
}

// Timeout says that a deadline passed.
func (e *Error) Timeout() bool {
	return e.Code == ErrTimeout || e.Code.Errno() == syscall.ETIMEDOUT || e.Errno == syscall.ETIMEDOUT
}

// Temporary says that the same call may succeed a little later.
func (e *Error) Temporary() bool {
	switch e.Code {
	case ErrNoBufs, ErrTxQueueOverflow, ErrTimeout, Code(syscall.EAGAIN), Code(syscall.ENOMEM):
		return true
	}
	return false
}

var _ net.Error = (*Error)(nil)

// contextError makes an error of a context that ended.
func contextError(op, uri string, err error) *Error {
	e := &Error{Op: op, URI: uri, Code: ErrMsgCanceled, Err: err}
	if errors.Is(err, context.DeadlineExceeded) {
		e.Code = ErrTimeout
	}
	return e
}
