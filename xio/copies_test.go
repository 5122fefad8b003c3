// SPDX-License-Identifier: Apache-2.0

package xio

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/pool"
)

var pooledSizes = []int{4 << 10, 64 << 10, 1 << 20}

// pooled is payload in a buffer of the pool that two ends send each other.
type pooled struct {
	t       testing.TB
	ends    [2]*Connection // client, server
	payload *pool.Buffer
	full    *Message // with the payload
	empty   *Message // without, as a request that wants it
	verify  bool
}

func newPooled(t testing.TB, size int, verify bool) *pooled {
	t.Helper()
	p := &pooled{t: t, verify: verify}
	var err error
	p.payload, err = pool.Default().Get(testContext(t), size)
	require.NoError(t, err)
	t.Cleanup(p.payload.Release)
	copy(p.payload.Bytes(), pattern(size, 9))
	p.full, p.empty = &Message{Buffers: []*pool.Buffer{p.payload}}, &Message{MaxResponse: size}
	came := make(chan *Connection, 1)
	s := listen(t, ListenConfig{
		CopyResponse: -1,
		Inline:       true,
		OnMsg:        p.oneWay,
		OnConnect:    func(c *Connection) { came <- c },
	}, HandlerFunc(p.serve))
	p.ends[0] = dial(t, Dialer{CopyResponse: -1, Inline: true, Handler: HandlerFunc(p.serve), OnMsg: p.oneWay}, s)
	p.ends[1] = <-came
	return p
}

func (p *pooled) check(data []byte) {
	if p.verify && !bytes.Equal(p.payload.Bytes(), data) {
		p.t.Error("damaged")
	}
}

// serve answers an empty request with the payload, and the payload with nothing.
func (p *pooled) serve(r *Request) {
	m := p.full
	if r.Len() > 0 {
		m = p.empty
		p.check(r.Data())
	}
	if err := r.Reply(m); err != nil {
		r.ReplyError(CodeOf(err), err.Error())
	}
}

func (p *pooled) oneWay(m *OneWay) { p.check(m.Data()) }

// lane sends the payload one way, by a connection.
type lane func(p *pooled, c *Connection) error

// lanes are the ways that payload can take.
var lanes = []struct {
	name string
	send lane
}{
	{"request", func(p *pooled, c *Connection) error { return p.call(c, p.full) }},
	{"response", func(p *pooled, c *Connection) error { return p.call(c, p.empty) }},
	{"one-way", func(p *pooled, c *Connection) error { return c.Deliver(context.Background(), p.full) }},
}

func (p *pooled) call(c *Connection, m *Message) error {
	rsp, err := c.Call(context.Background(), m)
	if err != nil {
		return err
	}
	if m == p.empty {
		p.check(rsp.Data())
	}
	rsp.Release()
	return nil
}

// copies is what both ends have copied.
func (p *pooled) copies() (times, size uint64) {
	for _, c := range p.ends {
		st := c.Stats()
		times += st.Copies
		size += st.BytesCopied
	}
	return times, size
}

// eachLane runs a test or a benchmark for every way, end and size.
func eachLane(run func(name string, size, end int, send lane)) {
	for _, l := range lanes {
		for end, from := range []string{"client", "server"} {
			for _, size := range pooledSizes {
				run(fmt.Sprintf("%s/%s/%d", l.name, from, size), size, end, l.send)
			}
		}
	}
}

// Payload from the pool is sent from where it lies and used where it arrived.
func TestPooledPayloadIsNotCopied(t *testing.T) {
	eachLane(func(name string, size, end int, send lane) {
		t.Run(name, func(t *testing.T) {
			leakCheck(t)
			p := newPooled(t, size, true)
			for range 20 {
				require.NoError(t, send(p, p.ends[end]))
			}
			times, bytes := p.copies()
			assert.Zero(t, times)
			assert.Zero(t, bytes)
			for _, c := range p.ends {
				st := c.ctx.Stats()
				assert.Zero(t, st.Copies)
				assert.Zero(t, st.BytesCopied)
			}
		})
	})
}

// What is copied is counted, where it is.
func TestCopiesAreCounted(t *testing.T) {
	leakCheck(t)
	came := make(chan *Connection, 1)
	s := listen(t, ListenConfig{
		OnMsg:     func(*OneWay) {},
		OnConnect: func(c *Connection) { came <- c },
	}, HandlerFunc(func(r *Request) {
		switch string(r.Header()) {
		case "own":
			r.Reply(&Message{Data: r.Data()})
		case "other":
			r.Reply(&Message{Data: bytes.Clone(r.Data())})
		default:
			r.Reply(&Message{Header: r.Header()})
		}
	}))
	small := []uint64{0, 0}
	if overRDMA() {
		small = []uint64{1, aliasMin} // see staysUnderReply
	}
	for _, tc := range []struct {
		header      string
		size, copy  int // CopyResponse
		here, there []uint64
	}{
		{"none", 100, 0, []uint64{1, 100}, []uint64{0, 0}},
		{"none", 0, 0, []uint64{0, 0}, []uint64{0, 0}},
		{"other", 100, 0, []uint64{2, 200}, []uint64{1, 100}},
		{"other", 100, -1, []uint64{1, 100}, []uint64{1, 100}},
		{"other", 16 << 10, 0, []uint64{2, 32 << 10}, []uint64{1, 16 << 10}},
		{"other", 16<<10 + 1, 0, []uint64{1, 16<<10 + 1}, []uint64{1, 16<<10 + 1}},
		{"other", 50000, 50000, []uint64{2, 100000}, []uint64{1, 50000}},
		{"own", aliasMin, 0, []uint64{2, 2 * aliasMin}, small},
		{"own", 50000, 0, []uint64{1, 50000}, []uint64{0, 0}},
	} {
		t.Run(fmt.Sprint(tc.header, " ", tc.size, " ", tc.copy), func(t *testing.T) {
			home := newContext(t, ContextOptions{})
			c := dial(t, Dialer{Context: home, CopyResponse: tc.copy}, s)
			data := pattern(tc.size, 1)
			rsp, err := c.Call(testContext(t), &Message{Header: []byte(tc.header), Data: data})
			require.NoError(t, err)
			if tc.header != "none" {
				assert.True(t, bytes.Equal(data, rsp.Data()))
			}
			rsp.Release()
			here, there := c.Stats(), (<-came).Stats()
			assert.Equal(t, tc.here, []uint64{here.Copies, here.BytesCopied})
			assert.Equal(t, tc.there, []uint64{there.Copies, there.BytesCopied})
			require.NoError(t, c.Deliver(testContext(t), &Message{Data: make([]byte, 10)}))
			require.NoError(t, c.Close())
			st := home.Stats()
			assert.Equal(t, here.Copies+1, st.Copies, "the connection is gone, its copies are not")
			assert.Equal(t, here.BytesCopied+10, st.BytesCopied)
		})
	}
}

// A copy whose message found no room was made all the same.
func TestCopyForNothingIsCounted(t *testing.T) {
	leakCheck(t)
	g := newGate()
	c := dial(t, Dialer{QueueDepth: 1}, listen(t, ListenConfig{}, g))
	ended := make(chan struct{})
	require.NoError(t, c.TrySend(&Message{}, func(r *Response, err error) {
		r.Release()
		close(ended)
	}))
	const size = MaxInlineData + 1
	err := c.TrySend(&Message{Data: make([]byte, size)}, func(*Response, error) { t.Error("completed") })
	require.ErrorIs(t, err, ErrTxQueueOverflow)
	st := c.Stats()
	assert.EqualValues(t, 1, st.Copies)
	assert.EqualValues(t, size, st.BytesCopied)
	close(g.open)
	<-ended
}

// Copies of payload for each message whose data is in a buffer of the pool.
func BenchmarkPooledPayload(b *testing.B) {
	eachLane(func(name string, size, end int, send lane) {
		b.Run(name, func(b *testing.B) {
			p := newPooled(b, size, false)
			if err := send(p, p.ends[end]); err != nil { // a server's slots come with its first
				b.Fatal(err)
			}
			times, bytes := p.copies()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if err := send(p, p.ends[end]); err != nil {
					b.Fatal(err)
				}
				n++
			}
			timesNow, bytesNow := p.copies()
			b.ReportMetric(float64(timesNow-times)/float64(n), "copies/op")
			b.ReportMetric(float64(bytesNow-bytes)/float64(n), "B-copied/op")
		})
	})
}
