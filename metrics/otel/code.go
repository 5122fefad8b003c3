// SPDX-License-Identifier: Apache-2.0

package xiootel

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/accelio/accelio-go/xio"
)

// A result is how a message ended, as a small number: a peer can choose among
// the codes, but not add to them.
const (
	resultOK     = iota
	resultClosed // xio.ErrClosed
	resultOther
	firstStatus
	firstErrno = firstStatus + int(xio.ErrRspBufSizeMismatch-xio.ErrNotSupported) + 1
	results    = firstErrno + maxErrno

	maxErrno = 133 // Linux has these, from 1
)

// resultOf finds the code in err.
func resultOf(err error) int {
	if err == nil {
		return resultOK
	}
	code := xio.Code(0)
	if e, ok := errors.AsType[*xio.Error](err); ok { // looks at err itself first, without an allocation
		code = e.Code
	} else if c, ok := errors.AsType[xio.Code](err); ok {
		code = c
	}
	switch {
	case code == xio.ErrClosed:
		return resultClosed
	case code >= xio.ErrNotSupported && code <= xio.ErrRspBufSizeMismatch:
		return firstStatus + int(code-xio.ErrNotSupported)
	case code > 0 && code <= maxErrno && unix.ErrnoName(code.Errno()) != "":
		return firstErrno + int(code) - 1
	}
	return resultOther
}

// resultName is the name of a result: a constant's in C, without XIO_E_.
func resultName(r int) string {
	switch {
	case r == resultOK:
		return "OK"
	case r == resultClosed:
		return "CLOSED"
	case r >= firstErrno:
		return unix.ErrnoName(unix.Errno(r - firstErrno + 1))
	case r >= firstStatus:
		return statusNames[r-firstStatus]
	}
	return "_OTHER"
}

// statusNames are those of libxio's status codes.
var statusNames = [firstErrno - firstStatus]string{
	xio.ErrNotSupported - xio.ErrNotSupported:          "NOT_SUPPORTED",
	xio.ErrNoBufs - xio.ErrNotSupported:                "NO_BUFS",
	xio.ErrConnect - xio.ErrNotSupported:               "CONNECT_ERROR",
	xio.ErrRoute - xio.ErrNotSupported:                 "ROUTE_ERROR",
	xio.ErrAddr - xio.ErrNotSupported:                  "ADDR_ERROR",
	xio.ErrUnreachable - xio.ErrNotSupported:           "UNREACHABLE",
	xio.ErrMsgSize - xio.ErrNotSupported:               "MSG_SIZE",
	xio.ErrPartialMsg - xio.ErrNotSupported:            "PARTIAL_MSG",
	xio.ErrMsgInvalid - xio.ErrNotSupported:            "MSG_INVALID",
	xio.ErrMsgUnknown - xio.ErrNotSupported:            "MSG_UNKNOWN",
	xio.ErrSessionRefused - xio.ErrNotSupported:        "SESSION_REFUSED",
	xio.ErrSessionAborted - xio.ErrNotSupported:        "SESSION_ABORTED",
	xio.ErrSessionDisconnected - xio.ErrNotSupported:   "SESSION_DISCONNECTED",
	xio.ErrSessionRejected - xio.ErrNotSupported:       "SESSION_REJECTED",
	xio.ErrSessionRedirected - xio.ErrNotSupported:     "SESSION_REDIRECTED",
	xio.ErrSessionClosed - xio.ErrNotSupported:         "SESSION_CLOSED",
	xio.ErrBindFailed - xio.ErrNotSupported:            "BIND_FAILED",
	xio.ErrTimeout - xio.ErrNotSupported:               "TIMEOUT",
	xio.ErrInProgress - xio.ErrNotSupported:            "IN_PROGRESS",
	xio.ErrInvalidVersion - xio.ErrNotSupported:        "INVALID_VERSION",
	xio.ErrNotSession - xio.ErrNotSupported:            "NOT_SESSION",
	xio.ErrOpenFailed - xio.ErrNotSupported:            "OPEN_FAILED",
	xio.ErrReadFailed - xio.ErrNotSupported:            "READ_FAILED",
	xio.ErrWriteFailed - xio.ErrNotSupported:           "WRITE_FAILED",
	xio.ErrCloseFailed - xio.ErrNotSupported:           "CLOSE_FAILED",
	xio.ErrUnsuccessful - xio.ErrNotSupported:          "UNSUCCESSFUL",
	xio.ErrMsgCanceled - xio.ErrNotSupported:           "MSG_CANCELED",
	xio.ErrMsgCancelFailed - xio.ErrNotSupported:       "MSG_CANCEL_FAILED",
	xio.ErrMsgNotFound - xio.ErrNotSupported:           "MSG_NOT_FOUND",
	xio.ErrMsgFlushed - xio.ErrNotSupported:            "MSG_FLUSHED",
	xio.ErrMsgDiscarded - xio.ErrNotSupported:          "MSG_DISCARDED",
	xio.ErrState - xio.ErrNotSupported:                 "STATE",
	xio.ErrNoUserBufs - xio.ErrNotSupported:            "NO_USER_BUFS",
	xio.ErrNoUserMR - xio.ErrNotSupported:              "NO_USER_MR",
	xio.ErrUserBufOverflow - xio.ErrNotSupported:       "USER_BUF_OVERFLOW",
	xio.ErrRemUserBufOverflow - xio.ErrNotSupported:    "REM_USER_BUF_OVERFLOW",
	xio.ErrTxQueueOverflow - xio.ErrNotSupported:       "TX_QUEUE_OVERFLOW",
	xio.ErrUserObjNotFound - xio.ErrNotSupported:       "USER_OBJ_NOT_FOUND",
	xio.ErrPeerQueueSizeMismatch - xio.ErrNotSupported: "PEER_QUEUE_SIZE_MISMATCH",
	xio.ErrRspBufSizeMismatch - xio.ErrNotSupported:    "RSP_BUF_SIZE_MISMATCH",
}
