// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/internal/core"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// part is the content of one datagram: a piece that xio copies, which comes first,
// and buffers that it does not.
type part struct {
	data []byte
	bufs [xio.MaxSegments]*pool.Buffer
	n    int
	size int
	own  uint8 // bits of the buffers that were made for the copy
}

func (p *part) full(segment int) bool {
	return p.size >= segment || p.segments() == xio.MaxSegments
}

func (p *part) segments() int {
	if len(p.data) > 0 {
		return p.n + 1
	}
	return p.n
}

// divide cuts a message into datagrams: front, middle and data one behind the other,
// as many bytes in each as segment says and as many segments as xio takes. A small
// message is one piece that xio copies; a buffer of package pool is neither copied nor
// cut, unless that would take more datagrams than most.
func (s *sendState) divide(f *core.Frame, src *pool.Pool, segment, most int) error {
	if err := s.cut(f, src, segment, false); err != nil || len(s.parts) <= most {
		return err
	}
	s.release()
	return s.cut(f, src, max(segment, int(2*f.Header.Size())/most), true)
}

func (s *sendState) cut(f *core.Frame, src *pool.Pool, segment int, gather bool) error {
	s.parts = append(s.parts[:0], part{})
	d := divider{s: s, src: src, segment: segment}
	data := f.Data
	if len(f.Front)+len(f.Middle) <= xio.MaxInlineData {
		s.front = append(append(s.front[:0], f.Front...), f.Middle...)
		for len(data) > 0 && len(s.front)+len(data[0].Bytes()) <= xio.MaxInlineData && !isPooled(data[0]) {
			s.front = append(s.front, data[0].Bytes()...)
			data = data[1:]
		}
		s.parts[0].data, s.parts[0].size = s.front, len(s.front)
	} else if err := d.copy(f.Front, f.Middle); err != nil {
		return err
	}
	if gather {
		all := make([][]byte, len(data))
		for i, b := range data {
			all[i] = b.Bytes()
		}
		return d.copy(all...)
	}
	for _, b := range data {
		n := len(b.Bytes())
		if p, ok := b.(*pool.Buffer); ok && n <= xio.MaxMessage-headerLen {
			d.add(p, false)
		} else if n > 0 {
			if err := d.copy(b.Bytes()); err != nil {
				return err
			}
		}
	}
	return nil
}

func isPooled(b messenger.Buffer) bool {
	_, ok := b.(*pool.Buffer)
	return ok
}

type divider struct {
	s       *sendState
	src     *pool.Pool
	segment int
}

// last is the datagram that is being filled.
func (d *divider) last() *part { return &d.s.parts[len(d.s.parts)-1] }

// add puts a buffer into the present datagram, or the next.
func (d *divider) add(b *pool.Buffer, own bool) {
	p := d.last()
	if p.size > 0 && (p.full(d.segment) || p.size+b.Len() > d.segment) {
		d.s.parts = append(d.s.parts, part{})
		p = d.last()
	}
	if own {
		p.own |= 1 << p.n
	}
	p.bufs[p.n] = b
	p.n++
	p.size += b.Len()
}

// copy copies pieces into buffers of the pool, as one stream.
func (d *divider) copy(pieces ...[]byte) error {
	left := 0
	for _, p := range pieces {
		left += len(p)
	}
	for left > 0 {
		p := d.last()
		room := d.segment - p.size
		if p.full(d.segment) {
			room = d.segment
		}
		n := min(left, room)
		b, err := d.src.TryGet(n)
		if err != nil {
			d.s.release()
			return err
		}
		dst := b.Bytes()
		for len(dst) > 0 {
			k := copy(dst, pieces[0])
			dst, pieces[0] = dst[k:], pieces[0][k:]
			if len(pieces[0]) == 0 {
				pieces = pieces[1:]
			}
		}
		d.add(b, true)
		left -= n
	}
	return nil
}

// done lets go of everything that Send worked with.
func (s *sendState) done() {
	s.release()
	s.out = xio.Message{}
}

// release lets go of the copies: xio holds them as long as it needs them.
func (s *sendState) release() {
	for i := range s.parts {
		p := &s.parts[i]
		for j, b := range p.bufs[:p.n] {
			if p.own&(1<<j) != 0 {
				b.Release()
			}
		}
		*p = part{}
	}
	s.parts = s.parts[:0]
}
