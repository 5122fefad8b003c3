// SPDX-License-Identifier: Apache-2.0

package v1

import (
	"encoding/binary"
	"io"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
)

// appendAck appends the acknowledgement of all messages up to seq.
func appendAck(b []byte, seq uint64) []byte {
	return binary.LittleEndian.AppendUint64(append(b, uint8(core.TagAck)), seq)
}

// appendStamp appends a keepalive, or the answer to one. The time goes there and back
// as it is.
func appendStamp(b []byte, t core.Tag, stamp time.Time) []byte {
	e := messenger.NewEncoder(append(b, uint8(t)))
	e.Time(stamp)
	return e.Bytes()
}

// frame is what follows a tag of the stream.
type frame struct {
	tag    core.Tag
	seq    uint64              // of TagAck
	stamp  time.Time           // of TagKeepalive2 and TagKeepalive2Ack
	header messenger.MsgHeader // of TagMsg; its CRC is not checked yet
}

// readFrame reads a frame; of a message only the header. It fails with what the reader
// reports, or with a Fault for a tag that has no place in a stream.
func readFrame(r io.Reader) (frame, error) {
	var b [messenger.MsgHeaderLen]byte
	if _, err := io.ReadFull(r, b[:1]); err != nil {
		return frame{}, err
	}
	f := frame{tag: core.Tag(b[0])}
	n := 0
	switch f.tag {
	case core.TagClose, core.TagKeepalive:
	case core.TagAck, core.TagKeepalive2, core.TagKeepalive2Ack:
		n = 8
	case core.TagMsg:
		n = messenger.MsgHeaderLen
	default:
		return f, messenger.NewFault(messenger.ErrBadMessage, nil, "in the stream: "+f.tag.String())
	}
	if _, err := io.ReadFull(r, b[:n]); err != nil {
		return f, unexpected(err)
	}
	d := messenger.NewDecoder(b[:n])
	switch f.tag {
	case core.TagAck:
		f.seq = d.Uint64()
	case core.TagKeepalive2, core.TagKeepalive2Ack:
		f.stamp = d.Time()
	case core.TagMsg:
		f.header.Decode(d)
	}
	return f, nil
}

// unexpected is the error of an end in the middle of something.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readBody reads a message's sections and footer. The lengths in the header are
// believed: who calls has found them acceptable.
func readBody(r io.Reader, h *messenger.MsgHeader, session messenger.Features) (*core.Incoming, error) {
	in := &core.Incoming{Header: *h}
	read := func(n uint32) ([]byte, error) {
		if n == 0 {
			return nil, nil
		}
		b := make([]byte, n)
		_, err := io.ReadFull(r, b)
		return b, unexpected(err)
	}
	var err error
	if in.Front, err = read(h.FrontLen); err != nil {
		return nil, err
	}
	if in.Middle, err = read(h.MiddleLen); err != nil {
		return nil, err
	}
	data, err := read(h.DataLen)
	if err != nil {
		return nil, err
	}
	if len(data) > 0 {
		in.Data = []messenger.Buffer{messenger.BytesBuffer(data)}
	}
	footer, err := read(uint32(messenger.FooterLen(session)))
	if err != nil {
		return nil, err
	}
	in.Footer.Decode(messenger.NewDecoder(footer), session)
	return in, nil
}

// appendFrame appends to the pieces of a write those of a message: tag and header, the
// sections where they lie, and the footer.
func appendFrame(pieces [][]byte, f *core.Frame, session messenger.Features) [][]byte {
	b := make([]byte, 0, 1+messenger.MsgHeaderLen+messenger.MsgFooterLen)
	b = f.Header.Append(append(b, uint8(core.TagMsg)))
	n := len(b)
	b = f.Footer.Append(b, session)
	pieces = append(pieces, b[:n:n])
	for _, section := range [][]byte{f.Front, f.Middle} {
		if len(section) > 0 {
			pieces = append(pieces, section)
		}
	}
	for _, d := range f.Data {
		if len(d.Bytes()) > 0 {
			pieces = append(pieces, d.Bytes())
		}
	}
	return append(pieces, b[n:])
}
