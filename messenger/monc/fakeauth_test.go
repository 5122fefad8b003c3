// SPDX-License-Identifier: Apache-2.0

package monc

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/cephx"
)

// fakeAuth is a monitor's cephx, for tickets that last as long as a test likes. It takes
// on trust what a client shows, which a real monitor's test does not. The monitor's mutex
// guards it.
type fakeAuth struct {
	t       testing.TB
	key     cephx.CryptoKey // the client's
	session cephx.CryptoKey // of the present login
	own     time.Duration   // how long the client's own ticket lasts
	others  time.Duration   // and those of services
	refuse  bool            // gives no new tickets
	silent  bool            // does not even answer

	logins   int
	renewals []messenger.EntityType // what was asked for
}

func newFakeAuth(t testing.TB, own, others time.Duration) *fakeAuth {
	a := &fakeAuth{t: t, own: own, others: others}
	a.key = a.newKey()
	return a
}

func (a *fakeAuth) newKey() cephx.CryptoKey {
	k, err := cephx.NewKey(nil, time.Now())
	require.NoError(a.t, err)
	return k
}

// answer fills in the reply, unless there is none.
func (a *fakeAuth) answer(m *Auth, r *AuthReply) bool {
	var e messenger.Encoder
	r.Protocol = messenger.AuthProtocolCephx
	if m.Protocol == messenger.AuthProtocolUnknown {
		e.Uint8(1)
		e.Uint64(99) // challenge
		r.Payload = e.Bytes()
		return true
	}
	services := messenger.EntityType(binary.LittleEndian.Uint32(m.Payload[len(m.Payload)-4:]))
	switch kind := binary.LittleEndian.Uint16(m.Payload); kind {
	case 0x100:
		a.logins++
		services = messenger.EntityType(binary.LittleEndian.Uint32(m.Payload[len(m.Payload)-5:]))
		session := a.newKey()
		e.Uint16(kind)
		e.Int32(0)
		a.tickets(&e, a.key, session, messenger.EntityAuth, a.own)
		a.session = session
		var extra messenger.Encoder
		a.tickets(&extra, session, cephx.CryptoKey{}, services, a.others)
		e.Blob(nil)
		e.Blob(extra.Bytes())
	case 0x200:
		a.renewals = append(a.renewals, services)
		switch {
		case a.silent:
			return false
		case a.refuse:
			r.Result = -int32(syscall.EPERM)
			return true
		}
		e.Uint16(kind)
		e.Int32(0)
		a.tickets(&e, a.session, cephx.CryptoKey{}, services, a.others)
	}
	r.Payload = e.Bytes()
	return true
}

// tickets encodes a ticket for each of a set of services, sealed for who has key. The zero
// session is a new one for each.
func (a *fakeAuth) tickets(e *messenger.Encoder, key, session cephx.CryptoKey, services messenger.EntityType, valid time.Duration) {
	var list []messenger.EntityType
	for bit := messenger.EntityMon; bit <= messenger.EntityAuth; bit <<= 1 {
		if services&bit != 0 {
			list = append(list, bit)
		}
	}
	e.Uint8(1)
	e.Uint32(uint32(len(list)))
	for _, s := range list {
		if !session.Valid() {
			session = a.newKey()
		}
		e.Uint32(uint32(s))
		e.Uint8(1)
		var in messenger.Encoder
		in.Uint8(1) // envelope
		in.Uint64(0xff009cad8826aa55)
		in.Uint8(1)
		in.Raw(a.bytes(session))
		in.Uint32(uint32(valid / time.Second))
		in.Uint32(uint32(valid % time.Second))
		e.Blob(a.encrypt(key, in.Bytes()))
		e.Bool(false)
		var blob messenger.Encoder
		blob.Uint8(1)
		blob.Uint64(1)
		blob.Blob([]byte("for the service's eyes"))
		e.Blob(blob.Bytes())
		session = cephx.CryptoKey{}
	}
}

// bytes are those of a key, its secret the last of them.
func (a *fakeAuth) bytes(k cephx.CryptoKey) []byte {
	b, err := base64.StdEncoding.DecodeString(k.Text())
	require.NoError(a.t, err)
	return b
}

func (a *fakeAuth) encrypt(k cephx.CryptoKey, plain []byte) []byte {
	b := a.bytes(k)
	block, err := aes.NewCipher(b[len(b)-16:])
	require.NoError(a.t, err)
	pad := 16 - len(plain)%16
	plain = append(slices.Clone(plain), slices.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(block, []byte("cephsageyudagreg")).CryptBlocks(plain, plain)
	return plain
}
