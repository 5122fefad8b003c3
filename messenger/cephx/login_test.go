// SPDX-License-Identifier: Apache-2.0

package cephx

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/accelio/accelio-go/messenger"
)

// converse runs a login to its end.
func converse(l *Login, a *authority) error {
	r := l.Start()
	for {
		next, err := l.Reply(a.answer(r))
		if err != nil || next == nil {
			return err
		}
		r = *next
	}
}

func TestLogin(t *testing.T) {
	a := newAuthority(t)
	now := testTime
	random := counter(7)
	c := LoginConfig{
		Key: testKey(t, 50), Services: messenger.EntityOSD, Random: &random,
		Now: func() time.Time { return now },
	}
	l := NewLogin(c)
	_, err := l.Renew(messenger.EntityOSD)
	require.ErrorIs(t, err, ErrUnexpected)
	require.NoError(t, converse(l, a))
	require.True(t, l.Done())
	require.EqualValues(t, messenger.AuthProtocolCephx, l.Method())
	require.EqualValues(t, grantedID, l.GlobalID())

	osd, ok := l.Ticket(messenger.EntityOSD)
	require.True(t, ok)
	require.Equal(t, testKey(t, byte(messenger.EntityOSD)), osd.SessionKey)
	require.Equal(t, now.Add(time.Hour), osd.Expires)
	require.Equal(t, now.Add(45*time.Minute), osd.RenewAfter)
	_, err = l.Authorizer(messenger.EntityMgr)
	require.ErrorIs(t, err, ErrNoTicket)

	r, err := l.Renew(messenger.EntityMgr)
	require.NoError(t, err)
	require.False(t, l.Done())
	next, err := l.Reply(a.answer(r))
	require.NoError(t, err)
	require.Nil(t, next)
	require.True(t, l.Done())
	mgr, err := l.Authorizer(messenger.EntityMgr)
	require.NoError(t, err)
	require.Equal(t, testKey(t, byte(messenger.EntityMgr)), mgr.ticket.SessionKey)

	now = now.Add(time.Hour + 1)
	_, err = l.Authorizer(messenger.EntityMgr)
	require.ErrorIs(t, err, ErrExpired)

	// Again as the same client: what comes now is encrypted with the old session.
	c.Previous = l
	l = NewLogin(c)
	require.NoError(t, converse(l, a))
	require.EqualValues(t, grantedID, l.GlobalID())
	_, err = l.Reply(Reply{})
	require.ErrorIs(t, err, ErrUnexpected)
}

func TestMethods(t *testing.T) {
	key := testKey(t, 50)
	for name, c := range map[string]struct {
		c    LoginConfig
		none bool // what the monitor wants
		got  uint32
		want error
	}{
		"none":               {LoginConfig{}, true, messenger.AuthProtocolNone, nil},
		"both, none":         {LoginConfig{Key: key, AllowNone: true}, true, messenger.AuthProtocolNone, nil},
		"both, cephx":        {LoginConfig{Key: key, AllowNone: true}, false, messenger.AuthProtocolCephx, nil},
		"cephx":              {LoginConfig{Key: key}, false, messenger.AuthProtocolCephx, nil},
		"key needed":         {LoginConfig{}, false, 0, ErrMethod},
		"no downgrade":       {LoginConfig{Key: key}, true, 0, ErrMethod},
		"wrong key":          {LoginConfig{Key: testKey(t, 51)}, false, messenger.AuthProtocolCephx, ErrRefused},
		"unknown name":       {LoginConfig{Key: key, Name: EntityName{messenger.EntityClient, "x"}}, false, messenger.AuthProtocolCephx, ErrRefused},
		"wrong key, reason":  {LoginConfig{Key: testKey(t, 51)}, false, messenger.AuthProtocolCephx, syscall.EACCES},
		"key needed, reason": {LoginConfig{}, false, 0, syscall.EOPNOTSUPP},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAuthority(t)
			a.none = c.none
			l := NewLogin(c.c)
			err := converse(l, a)
			require.ErrorIs(t, err, c.want)
			require.Equal(t, c.want == nil, l.Done())
			require.Equal(t, c.got, l.Method())
		})
	}
}

// A monitor that lies does not get a login.
func TestLyingMonitor(t *testing.T) {
	key := testKey(t, 50)
	challenge := Reply{Protocol: messenger.AuthProtocolCephx, Payload: []byte{1, 1, 2, 3, 4, 5, 6, 7, 8}}
	for name, c := range map[string]struct {
		replies []Reply
		want    error
	}{
		"downgrade":          {[]Reply{{Protocol: messenger.AuthProtocolNone}}, ErrMethod},
		"unknown method":     {[]Reply{{Protocol: 3}}, ErrMethod},
		"short challenge":    {[]Reply{{Protocol: messenger.AuthProtocolCephx, Payload: []byte{1, 2}}}, ErrMalformed},
		"changed its mind":   {[]Reply{challenge, {Protocol: messenger.AuthProtocolNone}}, ErrUnexpected},
		"challenge twice":    {[]Reply{challenge, challenge}, ErrUnexpected},
		"empty":              {[]Reply{challenge, {Protocol: messenger.AuthProtocolCephx}}, ErrMalformed},
		"refused inside":     {[]Reply{challenge, {Protocol: messenger.AuthProtocolCephx, Payload: []byte{0, 1, 255, 255, 255, 255}}}, ErrRefused},
		"no ticket":          {[]Reply{challenge, {Protocol: messenger.AuthProtocolCephx, Payload: []byte{0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0}}}, ErrNoTicket},
		"count of tickets":   {[]Reply{challenge, {Protocol: messenger.AuthProtocolCephx, Payload: []byte{0, 1, 0, 0, 0, 0, 1, 255, 255, 255, 255}}}, ErrMalformed},
		"refused, int range": {[]Reply{{Result: -1 << 31}}, ErrRefused},
		"another key": {[]Reply{challenge, {Protocol: messenger.AuthProtocolCephx, Payload: encoded(func(e *messenger.Encoder) {
			e.Raw([]byte{0, 1, 0, 0, 0, 0})
			newAuthority(t).tickets(e, testKey(t, 51), messenger.EntityAuth, nil)
		})}}, ErrDecrypt},
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLogin(LoginConfig{Key: key})
			l.Start()
			var err error
			for i, r := range c.replies {
				_, err = l.Reply(r)
				if i < len(c.replies)-1 {
					require.NoError(t, err)
				}
			}
			require.ErrorIs(t, err, c.want)
			require.False(t, l.Done())
			_, err = l.Reply(challenge)
			require.ErrorIs(t, err, ErrUnexpected, "it is over")
		})
	}
}
