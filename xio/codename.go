package xio

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Name is the code's constant in C without XIO_E_, misspelt where C misspells it,
// or the name of an errno value: "MSG_FLUSHED", "IN_PORGRESS", "ENOENT". It is
// "OK" for 0, "CLOSED" for ErrClosed, and empty for what is no code.
func (c Code) Name() string {
	switch {
	case c == 0:
		return "OK"
	case c == ErrClosed:
		return "CLOSED"
	case c >= ErrNotSupported && c < errLast:
		return statusNames[c-ErrNotSupported]
	case c > 0 && c < ErrNotSupported:
		return unix.ErrnoName(c.Errno())
	}
	return ""
}

// CodeOf is the Code in err: that of the first [Error] or Code in its chain, 0 for
// nil, and ErrUnsuccessful for an error without one.
func CodeOf(err error) Code {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*Error](err); ok { // looks at err itself first, without an allocation
		return e.Code
	}
	if c, ok := errors.AsType[Code](err); ok {
		return c
	}
	return ErrUnsuccessful
}

var statusNames = [errLast - ErrNotSupported]string{
	0:                                          "NOT_SUPPORTED",
	ErrNoBufs - ErrNotSupported:                "NO_BUFS",
	ErrConnect - ErrNotSupported:               "CONNECT_ERROR",
	ErrRoute - ErrNotSupported:                 "ROUTE_ERROR",
	ErrAddr - ErrNotSupported:                  "ADDR_ERROR",
	ErrUnreachable - ErrNotSupported:           "UNREACHABLE",
	ErrMsgSize - ErrNotSupported:               "MSG_SIZE",
	ErrPartialMsg - ErrNotSupported:            "PARTIAL_MSG",
	ErrMsgInvalid - ErrNotSupported:            "MSG_INVALID",
	ErrMsgUnknown - ErrNotSupported:            "MSG_UNKNOWN",
	ErrSessionRefused - ErrNotSupported:        "SESSION_REFUSED",
	ErrSessionAborted - ErrNotSupported:        "SESSION_ABORTED",
	ErrSessionDisconnected - ErrNotSupported:   "SESSION_DISCONNECTED",
	ErrSessionRejected - ErrNotSupported:       "SESSION_REJECTED",
	ErrSessionRedirected - ErrNotSupported:     "SESSION_REDIRECTED",
	ErrSessionClosed - ErrNotSupported:         "SESSION_CLOSED",
	ErrBindFailed - ErrNotSupported:            "BIND_FAILED",
	ErrTimeout - ErrNotSupported:               "TIMEOUT",
	ErrInProgress - ErrNotSupported:            "IN_PORGRESS",
	ErrInvalidVersion - ErrNotSupported:        "INVALID_VERSION",
	ErrNotSession - ErrNotSupported:            "NOT_SESSION",
	ErrOpenFailed - ErrNotSupported:            "OPEN_FAILED",
	ErrReadFailed - ErrNotSupported:            "READ_FAILED",
	ErrWriteFailed - ErrNotSupported:           "WRITE_FAILED",
	ErrCloseFailed - ErrNotSupported:           "CLOSE_FAILED",
	ErrUnsuccessful - ErrNotSupported:          "UNSUCCESSFUL",
	ErrMsgCanceled - ErrNotSupported:           "MSG_CANCELED",
	ErrMsgCancelFailed - ErrNotSupported:       "MSG_CANCEL_FAILED",
	ErrMsgNotFound - ErrNotSupported:           "MSG_NOT_FOUND",
	ErrMsgFlushed - ErrNotSupported:            "MSG_FLUSHED",
	ErrMsgDiscarded - ErrNotSupported:          "MSG_DISCARDED",
	ErrState - ErrNotSupported:                 "STATE",
	ErrNoUserBufs - ErrNotSupported:            "NO_USER_BUFS",
	ErrNoUserMR - ErrNotSupported:              "NO_USER_MR",
	ErrUserBufOverflow - ErrNotSupported:       "USER_BUF_OVERFLOW",
	ErrRemUserBufOverflow - ErrNotSupported:    "REM_USER_BUF_OVERFLOW",
	ErrTxQueueOverflow - ErrNotSupported:       "TX_QUEUE_OVERFLOW",
	ErrUserObjNotFound - ErrNotSupported:       "USER_OBJ_NOT_FOUND",
	ErrPeerQueueSizeMismatch - ErrNotSupported: "PEER_QUEUE_SIZE_MISMATCH",
	ErrRspBufSizeMismatch - ErrNotSupported:    "RSP_BUF_SIZE_MISMATCH",
}
