// SPDX-License-Identifier: Apache-2.0

// Package wire is the protocol of Accelio's R-AIO example: commands and answers
// in the header of requests and responses, payload in their data. All numbers
// are big-endian.
package wire

import (
	"encoding/binary"
	"errors"
	"math"
	"syscall"
)

// Command says what a request is for.
type Command uint32

// Commands of the protocol. Unknown is the command of an answer to a request
// that is none of the others.
const (
	Unknown   Command = 1
	Open      Command = 10
	Fstat     Command = 11
	Close     Command = 12
	IOSetup   Command = 13
	IOSubmit  Command = 14
	IODestroy Command = 16
)

// Operations of IOSubmit.
const (
	Pread  = 0
	Pwrite = 1
)

// NullPath is the name of the store without a disk: it has NullSize bytes, reads
// as zeros, and forgets what is written.
const (
	NullPath = "/dev/null"
	NullSize = 1 << 32
)

const (
	requestLen = 8  // command, length of the body
	answerLen  = 16 // command, length of the body, result, errno

	setupLen  = 8
	submitLen = 28
	statLen   = 88
	resultLen = 8
)

// MaxPath is the longest path of an Open, in bytes, in a header of max bytes.
func MaxPath(max int) int { return max - requestLen - 4 - 1 }

// ErrFormat says that bytes of a peer are not what the protocol allows.
var ErrFormat = errors.New("raio: malformed message")

// Request is the header of a request.
type Request struct {
	Command Command
	Body    []byte // of the header, behind command and length
}

// ParseRequest takes a header apart.
func ParseRequest(b []byte) (Request, error) {
	if len(b) < requestLen {
		return Request{}, ErrFormat
	}
	r := Request{Command: Command(binary.BigEndian.Uint32(b)), Body: b[requestLen:]}
	n := binary.BigEndian.Uint32(b[4:])
	if uint64(n) > uint64(len(r.Body)) {
		return r, ErrFormat
	}
	r.Body = r.Body[:n]
	return r, nil
}

func request(b []byte, c Command, body int) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(c))
	return binary.BigEndian.AppendUint32(b, uint32(body))
}

// AppendOpen appends the request to open a file.
func AppendOpen(b []byte, flags uint32, path string) []byte {
	b = request(b, Open, 4+len(path)+1)
	b = binary.BigEndian.AppendUint32(b, flags)
	b = append(b, path...)
	return append(b, 0)
}

// ParseOpen reads the body of Open.
func ParseOpen(body []byte) (flags uint32, path string, err error) {
	if len(body) < 4+2 || body[len(body)-1] != 0 {
		return 0, "", ErrFormat
	}
	name := body[4 : len(body)-1]
	for _, c := range name {
		if c == 0 {
			return 0, "", ErrFormat
		}
	}
	return binary.BigEndian.Uint32(body), string(name), nil
}

// AppendFD appends Fstat or Close of a handle.
func AppendFD(b []byte, c Command, fd int32) []byte {
	b = request(b, c, 4)
	return binary.BigEndian.AppendUint32(b, uint32(fd))
}

// ParseFD reads the body of Fstat or Close, or the answer to Open.
func ParseFD(body []byte) (int32, error) {
	if len(body) < 4 {
		return 0, ErrFormat
	}
	return int32(binary.BigEndian.Uint32(body)), nil
}

// AppendSetup appends the request that announces how many operations will be in
// flight.
func AppendSetup(b []byte, queues, depth uint32) []byte {
	b = request(b, IOSetup, setupLen)
	b = binary.BigEndian.AppendUint32(b, queues)
	return binary.BigEndian.AppendUint32(b, depth)
}

// closesAny is what a server of this project puts behind its answer to IOSetup,
// where the C server has nothing. The length in the answer stays 0: C clients take
// no other.
const closesAny = 0x616e7901

// AppendSetUp appends the answer to IOSetup.
func AppendSetUp(b []byte) []byte {
	return binary.BigEndian.AppendUint32(AppendOK(b, IOSetup), closesAny)
}

// ClosesAny says by the answer to IOSetup that files may be closed at any time. A C
// server needs IODestroy before the first Close, or it crashes.
func ClosesAny(body []byte) bool {
	return len(body) >= 4 && binary.BigEndian.Uint32(body) == closesAny
}

// Mark is what clients of this project say of themselves when they connect.
const Mark = "accelio-go raio"

// AppendDestroy appends the request that takes IOSetup back.
func AppendDestroy(b []byte) []byte { return request(b, IODestroy, 0) }

// IO is one operation on a file.
type IO struct {
	Last   bool // of a batch
	FD     int32
	Opcode uint32
	Bytes  uint64
	Offset uint64
}

// AppendSubmit appends the request to do an operation.
func AppendSubmit(b []byte, io IO) []byte {
	b = request(b, IOSubmit, submitLen)
	last := uint32(0)
	if io.Last {
		last = 1
	}
	b = binary.BigEndian.AppendUint32(b, last)
	b = binary.BigEndian.AppendUint32(b, uint32(io.FD))
	b = binary.BigEndian.AppendUint32(b, io.Opcode)
	b = binary.BigEndian.AppendUint64(b, io.Bytes)
	return binary.BigEndian.AppendUint64(b, io.Offset)
}

// ParseSubmit reads the body of IOSubmit.
func ParseSubmit(body []byte) (IO, error) {
	if len(body) < submitLen {
		return IO{}, ErrFormat
	}
	return IO{
		Last:   binary.BigEndian.Uint32(body) != 0,
		FD:     int32(binary.BigEndian.Uint32(body[4:])),
		Opcode: binary.BigEndian.Uint32(body[8:]),
		Bytes:  binary.BigEndian.Uint64(body[12:]),
		Offset: binary.BigEndian.Uint64(body[20:]),
	}, nil
}

// Answer is the header of a response.
type Answer struct {
	Command Command
	Ret     int32
	Errno   int32
	Body    []byte // of the header, behind the errno
}

// Err is the errno in an answer, nil if it succeeded.
func (a Answer) Err() error {
	if a.Ret == 0 {
		return nil
	}
	if a.Errno > 0 {
		return syscall.Errno(a.Errno)
	}
	return syscall.EIO
}

// ParseAnswer takes a header apart.
func ParseAnswer(b []byte) (Answer, error) {
	if len(b) < answerLen {
		return Answer{}, ErrFormat
	}
	a := Answer{
		Command: Command(binary.BigEndian.Uint32(b)),
		Ret:     int32(binary.BigEndian.Uint32(b[8:])),
		Errno:   int32(binary.BigEndian.Uint32(b[12:])),
		Body:    b[answerLen:],
	}
	return a, nil
}

// answer begins an answer. The C server leaves the length of the body 0 in some
// answers that have one, so nobody relies on it.
func answer(b []byte, c Command, body int, ret int32, errno syscall.Errno) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(c))
	b = binary.BigEndian.AppendUint32(b, uint32(body))
	b = binary.BigEndian.AppendUint32(b, uint32(ret))
	return binary.BigEndian.AppendUint32(b, uint32(errno))
}

// AppendOK appends the answer to a command that succeeded and has nothing to
// tell.
func AppendOK(b []byte, c Command) []byte { return answer(b, c, 0, 0, 0) }

// AppendError appends the answer to a command that failed.
func AppendError(b []byte, c Command, errno syscall.Errno) []byte {
	return answer(b, c, 0, -1, errno)
}

// AppendOpened appends the answer to Open.
func AppendOpened(b []byte, fd int32) []byte {
	return binary.BigEndian.AppendUint32(answer(b, Open, 4, 0, 0), uint32(fd))
}

// AppendResult appends the answer to IOSubmit: how many bytes were read or
// written.
func AppendResult(b []byte, n int) []byte {
	b = answer(b, IOSubmit, resultLen, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	return binary.BigEndian.AppendUint32(b, 0)
}

// AppendIOError appends the answer to an IOSubmit that failed. C clients look for
// the errno in the result and nowhere else.
func AppendIOError(b []byte, errno syscall.Errno) []byte {
	b = AppendError(b, IOSubmit, errno)
	b = binary.BigEndian.AppendUint32(b, uint32(-int32(errno)))
	return binary.BigEndian.AppendUint32(b, 0)
}

// ParseResult reads the body of the answer to IOSubmit. What is negative is an
// errno.
func ParseResult(body []byte) (int, error) {
	if len(body) < resultLen {
		return 0, ErrFormat
	}
	n := int32(binary.BigEndian.Uint32(body))
	if n < 0 {
		if n == math.MinInt32 {
			return 0, ErrFormat
		}
		return 0, syscall.Errno(-n)
	}
	return int(n), nil
}
