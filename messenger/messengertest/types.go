// SPDX-License-Identifier: Apache-2.0

package messengertest

import "github.com/accelio/accelio-go/messenger"

// Types of the suite's own messages.
const (
	typeStrings messenger.MsgType = 0x6f1
	typeNote    messenger.MsgType = 0x6f2
)

// stringsMessage has a large front.
type stringsMessage struct {
	messenger.MsgBase
	list []string
}

func newStrings(list []string) *stringsMessage {
	m := &stringsMessage{list: list}
	m.Init(typeStrings, 1, 1)
	return m
}

func (m *stringsMessage) EncodePayload(e *messenger.Encoder, _ messenger.Features) { e.Strings(m.list) }
func (m *stringsMessage) DecodePayload(d *messenger.Decoder)                       { m.list = d.Strings() }

// note is a numbered message with a text.
type note struct {
	messenger.MsgBase
	n    uint32
	text string
}

func newNote(n uint32, text string) *note {
	m := &note{n: n, text: text}
	m.Init(typeNote, 1, 1)
	return m
}

func (m *note) EncodePayload(e *messenger.Encoder, _ messenger.Features) {
	e.Uint32(m.n)
	e.String(m.text)
}

func (m *note) DecodePayload(d *messenger.Decoder) {
	m.n = d.Uint32()
	m.text = d.String()
}
