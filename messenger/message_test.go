// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

type testMessage struct {
	MsgBase
	text string
}

func newTestMessage() *testMessage {
	m := new(testMessage)
	m.Init(4711, 3, 1)
	return m
}

func (m *testMessage) EncodePayload(e *Encoder, _ Features) { e.String(m.text) }
func (m *testMessage) DecodePayload(d *Decoder)             { m.text = d.String() }

// counted is a Buffer that counts its references.
type counted struct {
	b    []byte
	refs int
}

func (c *counted) Bytes() []byte { return c.b }
func (c *counted) Retain()       { c.refs++ }
func (c *counted) Release()      { c.refs-- }

func TestMessageReferences(t *testing.T) {
	m := newTestMessage()
	buf := &counted{b: []byte("data"), refs: 1}
	m.AddBuffer(buf)
	released := 0
	m.OnRelease(func() { released++ })
	m.Retain()
	m.Release()
	require.Zero(t, released)
	require.Equal(t, 1, buf.refs)
	m.Release()
	require.Equal(t, 1, released)
	require.Zero(t, buf.refs)
	require.True(t, m.Released())
	require.Panics(t, m.Release)
	require.Panics(t, newReleased().Retain)
}

func newReleased() *testMessage {
	m := newTestMessage()
	m.Release()
	return m
}

func TestMessageKeepsRetainedBuffers(t *testing.T) {
	m := newTestMessage()
	buf := &counted{b: []byte("data"), refs: 1}
	m.SetReceived(m.Header(), MsgFooter{}, nil, []Buffer{buf})
	kept := m.Buffers()[0]
	kept.Retain()
	m.Release()
	require.Equal(t, 1, buf.refs)
	require.Equal(t, "data", string(kept.Bytes()))
	kept.Release()
	require.Zero(t, buf.refs)
}

func TestMessageCompletesOnce(t *testing.T) {
	m := newTestMessage()
	var got []error
	m.OnComplete(func(err error) { got = append(got, err) })
	failed := errors.New("failed")
	m.Settle(failed)
	m.Settle(nil)
	require.Equal(t, []error{failed}, got)
}

func TestMessageData(t *testing.T) {
	m := newTestMessage()
	require.Nil(t, m.Data())
	m.SetData([]byte("one"))
	require.Equal(t, "one", string(m.Data()))
	m.AddBuffer(BytesBuffer("two"))
	require.Equal(t, "onetwo", string(m.Data()))
	require.Equal(t, 6, m.DataLen())
	require.Equal(t, "onetwo", string(m.DetachData()))
	m.SetData(nil)
	require.Zero(t, m.DataLen())
	m.SetDataOff(4096 + 17)
	require.Equal(t, uint16(17), m.Header().DataOff)
	m.SetPriority(1000)
	require.Equal(t, PriorityHighest, m.Priority())
}

// A received message that is sent on returns its memory at once.
func TestMessageForward(t *testing.T) {
	m := newTestMessage()
	buf := &counted{b: []byte("data"), refs: 1}
	m.SetReceived(m.Header(), MsgFooter{}, nil, []Buffer{buf})
	released := 0
	m.OnRelease(func() { released++ })
	m.Forward()
	require.Equal(t, 1, released)
	require.Zero(t, buf.refs)
	require.Equal(t, "data", string(m.Data()))
	m.Forward()
	m.Release()
	require.Equal(t, 1, released)
}

func TestRegistry(t *testing.T) {
	r := NewRegistry()
	r.Register(2, func() Message { return newTestMessage() })
	require.Panics(t, func() { r.Register(1, func() Message { return newTestMessage() }) })
	m, err := r.New(&MsgHeader{Type: 4711, Version: 9, CompatVersion: 3})
	require.NoError(t, err)
	require.IsType(t, new(testMessage), m)
	for name, h := range map[string]MsgHeader{
		"unknown": {Type: 4712, Version: 3, CompatVersion: 1},
		"too new": {Type: 4711, Version: 9, CompatVersion: 4},
		"too old": {Type: 4711, Version: 1, CompatVersion: 1},
	} {
		_, err := r.New(&h)
		require.ErrorIs(t, err, ErrUnknownType, name)
		var f *Fault
		require.ErrorAs(t, err, &f, name)
	}
	c := r.Clone()
	c.Register(1, func() Message { m := newTestMessage(); m.Init(1, 1, 1); return m })
	_, err = r.New(&MsgHeader{Type: 1, Version: 1, CompatVersion: 1})
	require.ErrorIs(t, err, ErrUnknownType)
}

func TestAuthNone(t *testing.T) {
	a := AuthNone{}.Authorizer(EntityName{EntityMon, 5}, EntityMon, false)
	b, err := a.Build(nil)
	require.NoError(t, err)
	require.Equal(t, unhex(t, "01 01000000 01000000 35 0000000000000000"), b)
	v := AuthNone{}.Verifier(EntityMon, AuthProtocolNone)
	_, more, err := v.Accept(b)
	require.NoError(t, err)
	require.False(t, more)
	_, _, err = v.Accept(b[:5])
	require.ErrorIs(t, err, ErrShort)
	require.Nil(t, AuthNone{}.Verifier(EntityMon, AuthProtocolCephx))
}
