// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"errors"
	"syscall"
)

// Errors of a [Client], for errors.Is.
var (
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("monc: closed")
	// ErrNoAddress: there is no monitor to ask, or none at an address that the
	// messenger can use.
	ErrNoAddress = errors.New("monc: no monitor address")
	// ErrAnswer: a monitor's answer is not what it should be.
	ErrAnswer = errors.New("monc: unexpected answer")
)

// CommandError is a command that a monitor did not carry out. It matches its Errno.
type CommandError struct {
	Errno  syscall.Errno
	Status string // the monitor's words
}

// Error implements error.
func (e *CommandError) Error() string {
	s := "monc: command: " + e.Errno.Error()
	if e.Status != "" {
		s += ": " + e.Status
	}
	return s
}

// Unwrap returns the Errno.
func (e *CommandError) Unwrap() error { return e.Errno }
