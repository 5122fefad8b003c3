// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/accelio/accelio-go/messenger"
)

// Reasons of an [Error], for errors.Is. Bytes that end early or go on too long
// give an error that matches ErrMalformed.
var (
	ErrMalformed  = errors.New("malformed")
	ErrKeyring    = errors.New("not a keyring")
	ErrNoKey      = errors.New("no such key")
	ErrKey        = errors.New("not a usable key")
	ErrDecrypt    = errors.New("does not decrypt with this key")
	ErrProof      = errors.New("peer does not know the session key")
	ErrExpired    = errors.New("ticket has expired")
	ErrService    = errors.New("ticket is for another service")
	ErrNoTicket   = errors.New("no ticket for this service")
	ErrUnexpected = errors.New("not expected now")
	ErrMethod     = errors.New("authentication method not acceptable")
	ErrRefused    = errors.New("refused")
)

// Error reports a failed step. It matches, by [errors.Is], its Reason, its Errno if
// there is one, and whatever Err is or wraps.
type Error struct {
	Op     string        // what was attempted: "keyring", "login", "authorize", …
	Reason error         // one of the Err values of this package
	Errno  syscall.Errno // what the peer answered, 0 if nothing
	Err    error         // cause, may be nil
}

// Error implements error.
func (e *Error) Error() string {
	s := "cephx: " + e.Op + ": " + e.Reason.Error()
	if e.Errno != 0 {
		s += ": " + e.Errno.Error()
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what the error matches beside itself.
func (e *Error) Unwrap() []error {
	errs := []error{e.Reason}
	if e.Errno != 0 {
		errs = append(errs, e.Errno)
	}
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// fail is a failed operation without a cause.
func fail(op string, reason error) error { return &Error{Op: op, Reason: reason} }

// malformed wraps a decoder's error; nil stays nil.
func malformed(op string, d *messenger.Decoder) error {
	if d.Err() == nil {
		return nil
	}
	return &Error{Op: op, Reason: ErrMalformed, Err: d.Err()}
}

// end wraps a decoder's error, which also is that not all has been read.
func end(op string, d *messenger.Decoder) error {
	if d.Err() == nil && d.Len() > 0 {
		d.Fail(messenger.ErrValue, fmt.Sprintf("%d bytes too many", d.Len()))
	}
	return malformed(op, d)
}
