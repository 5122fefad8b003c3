// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import "github.com/accelio/accelio-go/xio"

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
	code := xio.CodeOf(err)
	switch {
	case code == xio.ErrClosed:
		return resultClosed
	case code >= xio.ErrNotSupported && code <= xio.ErrRspBufSizeMismatch:
		return firstStatus + int(code-xio.ErrNotSupported)
	case code > 0 && code <= maxErrno && code.Name() != "":
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
		return xio.Code(r - firstErrno + 1).Name()
	case r >= firstStatus:
		return (xio.ErrNotSupported + xio.Code(r-firstStatus)).Name()
	}
	return "OTHER"
}
