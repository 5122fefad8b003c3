// SPDX-License-Identifier: Apache-2.0

package messenger

import (
	"context"
	"encoding/hex"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	require.NoError(t, err)
	return b
}

func TestD4_CRC32CVectors(t *testing.T) {
	require.Equal(t, uint32(0x58e3fa20), CRC32C(0, []byte("123456789")))
	require.Equal(t, uint32(0x1cf96d7c), CRC32C(0xffffffff, []byte("123456789")))
	require.Equal(t, uint32(7), CRC32C(7, nil))
	require.Equal(t, CRC32C(0, []byte("123456789")), CRC32C(CRC32C(0, []byte("1234")), []byte("56789")))
}

func mustAddr(t testing.TB, s string) EntityAddr {
	a, err := ParseEntityAddr(s)
	require.NoError(t, err)
	return a
}

func TestAddrGoldenBytes(t *testing.T) {
	a := mustAddr(t, "v1:127.0.0.1:6789/4660")
	var e Encoder
	a.EncodeLegacy(&e)
	require.Equal(t, append(unhex(t, "00000000 34120000 0002 1a85 7f000001"), make([]byte, 120)...), e.Bytes())

	e = Encoder{}
	a.Encode(&e, FeatureMsgAddr2)
	require.Equal(t, unhex(t, "01 01 01 1c000000 01000000 34120000 10000000 0200 1a85 7f000001 0000000000000000"), e.Bytes())
	require.Len(t, e.Bytes(), 35)

	e = Encoder{}
	mustAddr(t, "v2:[::1]:6789/1").Encode(&e, FeatureMsgAddr2)
	require.Equal(t, unhex(t, `01 01 01 28000000 02000000 01000000 1c000000 0a00 1a85 00000000
		00000000000000000000000000000001 00000000`), e.Bytes())
	require.Len(t, e.Bytes(), 47)

	e = Encoder{}
	mustAddr(t, "[::1]:6789/1").EncodeLegacy(&e)
	require.Equal(t, unhex(t, "00000000 01000000 000a 1a85 00000000 00000000000000000000000000000001"), e.Bytes()[:32])
	require.Len(t, e.Bytes(), LegacyAddrLen)
}

func TestAddrRoundTrips(t *testing.T) {
	for _, s := range []string{
		"v1:127.0.0.1:6789/0", "v1:0.0.0.0:0/5", "xio:10.1.2.3:7000/4294967295", "v2:[fe80::1%3]:1/2",
		"any:[2001:db8::7]:65535/9", "v1:-/77", "v1:[::]:0/1",
	} {
		a := mustAddr(t, s)
		require.Equal(t, s, a.String())
		for _, f := range []Features{0, FeatureMsgAddr2, FeatureMsgAddr2 | FeatureServerNautilus} {
			var e Encoder
			a.Encode(&e, f)
			var b EntityAddr
			d := NewDecoder(e.Bytes())
			b.Decode(d)
			require.NoError(t, d.Err(), s)
			require.Zero(t, d.Len())
			want := a
			if f == 0 || a.Type == AddrAny && f == FeatureMsgAddr2 {
				want.Type = AddrLegacy
			}
			require.Equal(t, want, b)
		}
	}
}

func TestR11_AddrVec(t *testing.T) {
	v, err := ParseAddrVec("[v2:1.2.3.4:3300/7,v1:1.2.3.4:6789/7,xio:[::1]:9000/7]")
	require.NoError(t, err)
	require.Len(t, v, 3)
	again, err := ParseAddrVec(v.String())
	require.NoError(t, err)
	require.Equal(t, v, again)
	var e Encoder
	v.Encode(&e, DefaultFeatures)
	var got AddrVec
	d := NewDecoder(e.Bytes())
	got.Decode(d)
	require.NoError(t, d.Err())
	require.Equal(t, v, got)

	e = Encoder{}
	v.Encode(&e, 0)
	got.Decode(NewDecoder(e.Bytes()))
	require.Equal(t, AddrVec{v[1]}, got)
	a, ok := v.Find(AddrXio)
	require.True(t, ok)
	require.True(t, v.Contains(a))
	one, err := ParseAddrVec("[::1]:5")
	require.NoError(t, err)
	require.Equal(t, netip.MustParseAddrPort("[::1]:5"), one[0].Addr)
}

func TestAddrBadInput(t *testing.T) {
	for name, bytes := range map[string]string{
		"marker":            "07",
		"short":             "01 01 01 1c000000 01000000",
		"sockaddr too long": "01 01 01 0c000000 01000000 00000000 ff000000",
		"sockaddr length":   "01 01 01 10000000 01000000 00000000 04000000 02000000",
		"family":            "01 01 01 1c000000 01000000 00000000 10000000 0700 1a85 7f000001 0000000000000000",
		"IPv6 cut":          "01 01 01 1c000000 01000000 00000000 10000000 0a00 1a85 7f000001 0000000000000000",
		"compat":            "01 02 02 1c000000 01000000 00000000 10000000 0200 1a85 7f000001 0000000000000000",
	} {
		var a EntityAddr
		d := NewDecoder(unhex(t, bytes))
		a.Decode(d)
		require.Error(t, d.Err(), name)
	}
	var v AddrVec
	d := NewDecoder(unhex(t, "02 ffffffff"))
	v.Decode(d)
	require.ErrorIs(t, d.Err(), ErrShort)
	for _, s := range []string{"v1:1.2.3.4", "1.2.3.4:99999", "v1:1.2.3.4:5/x", "v1::x", "nowhere:5:6"} {
		_, err := ParseEntityAddr(s)
		require.Error(t, err, s)
	}
	_, err := ParseAddrVec("v1:1.2.3.4:5]")
	require.Error(t, err)
}

// The order decides races, so it is Ceph's to the byte: the nonce counts by its
// lowest byte first, and before port and IP.
func TestAddrOrder(t *testing.T) {
	sorted := []string{
		"v1:9.9.9.9:9/256", // nonce bytes 00 01
		"v1:1.1.1.1:1/1",   // nonce bytes 01 00
		"v1:1.1.1.1:256/1", // port big-endian
		"v1:1.1.1.2:256/1",
		"v1:[::1]:1/1", // family last byte first
		"v2:1.1.1.1:1/0",
	}
	for i := range sorted {
		for j := range sorted {
			a, b := mustAddr(t, sorted[i]), mustAddr(t, sorted[j])
			switch {
			case i < j:
				require.Negative(t, a.Compare(b), "%v %v", a, b)
			case i > j:
				require.Positive(t, a.Compare(b), "%v %v", a, b)
			default:
				require.Zero(t, a.Compare(b))
			}
		}
	}
}

func TestAddrProbablyEquals(t *testing.T) {
	a := mustAddr(t, "1.2.3.4:5/6")
	require.True(t, a.ProbablyEquals(mustAddr(t, "0.0.0.0:5/6")))
	require.True(t, mustAddr(t, "v1::5/6").ProbablyEquals(a))
	require.False(t, a.ProbablyEquals(mustAddr(t, "1.2.3.5:5/6")))
	require.False(t, a.ProbablyEquals(mustAddr(t, "1.2.3.4:5/7")))
	require.False(t, a.ProbablyEquals(mustAddr(t, "1.2.3.4:6/6")))
}

func TestEntityNames(t *testing.T) {
	for _, s := range []string{"osd.3", "client.?", "mon.0", "mgr.12"} {
		n, err := ParseEntityName(s)
		require.NoError(t, err)
		require.Equal(t, s, n.String())
	}
	for _, s := range []string{"osd", "house.1", "osd.x"} {
		_, err := ParseEntityName(s)
		require.Error(t, err)
	}
	require.Equal(t, "type99.1", EntityName{99, 1}.String())
	i := EntityInst{EntityName{EntityMon, 7}, mustAddr(t, "1.2.3.4:5/6")}
	var e Encoder
	i.EncodeLegacy(&e)
	require.Len(t, e.Bytes(), 145)
	var got EntityInst
	d := NewDecoder(e.Bytes())
	got.DecodeLegacy(d)
	require.NoError(t, d.Err())
	require.Equal(t, i, got)
}

// The first message of a client to a monitor, as a real one sends it.
func TestD4_HeaderGoldenBytes(t *testing.T) {
	want := unhex(t, `0100000000000000 0000000000000000 1100 7f00 0100 3c000000 00000000 00000000
		0000 08 ffffffffffffffff 0100 0000 694babe2`)
	h := MsgHeader{Seq: 1, Type: 17, Priority: PriorityDefault, Version: 1, FrontLen: 60,
		Src: EntityName{EntityClient, UnknownNum}, CompatVersion: 1}
	h.CRC = h.Sum(nil)
	require.Equal(t, uint32(0xe2ab4b69), h.CRC)
	require.Equal(t, want, h.Append(nil))
	require.Len(t, want, MsgHeaderLen)
	var got MsgHeader
	d := NewDecoder(want)
	got.Decode(d)
	require.NoError(t, d.Err())
	require.Equal(t, h, got)
	front := unhex(t, `0000000000000000 ffff 0000000000000000 00000000 1e000000 01 01000000 01000000
		08000000 05000000 61646d696e 0000000000000000 00000000`)
	require.Equal(t, uint32(0x35a7635b), CRC32C(0, front))
}

func TestFooterForms(t *testing.T) {
	f := MsgFooter{FrontCRC: 1, MiddleCRC: 2, DataCRC: 3, Sig: 4, Flags: FooterComplete | FooterSigned}
	long := f.Append(nil, FeatureMsgAuth)
	require.Equal(t, unhex(t, "01000000 02000000 03000000 0400000000000000 05"), long)
	require.Len(t, long, FooterLen(FeatureMsgAuth))
	var got MsgFooter
	got.Decode(NewDecoder(long), FeatureMsgAuth)
	require.Equal(t, f, got)
	short := f.Append(nil, 0)
	require.Equal(t, unhex(t, "01000000 02000000 03000000 05"), short)
	require.Len(t, short, FooterLen(0))
	got.Decode(NewDecoder(short), 0)
	f.Sig = 0
	require.Equal(t, f, got)
}

func TestDecoderSticksAndBounds(t *testing.T) {
	d := NewDecoder([]byte{1, 2, 3})
	require.Equal(t, uint16(0x201), d.Uint16())
	require.Zero(t, d.Uint32())
	require.ErrorIs(t, d.Err(), ErrShort)
	require.Zero(t, d.Uint8(), "the failure sticks")
	var de *DecodeError
	require.ErrorAs(t, d.Err(), &de)
	require.Equal(t, 2, de.Offset)

	d = NewDecoder([]byte{0xff, 0xff, 0xff, 0xff, 1})
	require.Empty(t, d.Strings())
	require.ErrorIs(t, d.Err(), ErrShort)
	require.Nil(t, NewDecoder(nil).Raw(-1))
}

func TestStructSkipsWhatItDoesNotKnow(t *testing.T) {
	var e Encoder
	e.Struct(3, 1, func() { e.Uint32(7); e.String("new") })
	e.Uint8(9)
	d := NewDecoder(e.Bytes())
	d.Struct(2, func(v uint8) {
		require.Equal(t, uint8(3), v)
		require.Equal(t, uint32(7), d.Uint32())
	})
	require.Equal(t, uint8(9), d.Uint8())
	require.NoError(t, d.Err())

	d = NewDecoder(e.Bytes())
	d.Struct(2, func(uint8) { d.Raw(11 + 1) }) // the byte behind is not its own
	require.ErrorIs(t, d.Err(), ErrShort)

	e = Encoder{}
	e.Struct(3, 3, func() {})
	d = NewDecoder(e.Bytes())
	d.Struct(2, func(uint8) { t.Error("must not be read") })
	require.ErrorIs(t, d.Err(), ErrCompat)
}

func TestPrimitivesRoundTrip(t *testing.T) {
	now := time.Unix(1700000000, 123456789)
	var e Encoder
	e.Bool(true)
	e.Int16(-2)
	e.Int32(math.MinInt32)
	e.Int64(math.MinInt64)
	e.Strings([]string{"a", "", "bc"})
	e.Time(now)
	e.Time(time.Time{})
	e.Blob([]byte{1, 2})
	d := NewDecoder(e.Bytes())
	require.True(t, d.Bool())
	require.Equal(t, int16(-2), d.Int16())
	require.Equal(t, int32(math.MinInt32), d.Int32())
	require.Equal(t, int64(math.MinInt64), d.Int64())
	require.Equal(t, []string{"a", "", "bc"}, d.Strings())
	require.True(t, now.Equal(d.Time()))
	require.True(t, d.Time().IsZero())
	require.Equal(t, []byte{1, 2}, d.Blob())
	require.NoError(t, d.Err())
	require.Zero(t, d.Len())
}

func TestThrottle(t *testing.T) {
	th := NewThrottle("bytes", 100)
	require.True(t, th.TryGet(60))
	require.False(t, th.TryGet(60))
	got := make(chan error, 2)
	go func() { got <- th.Get(context.Background(), 60) }()
	require.Eventually(t, func() bool { return th.Waiting() == 1 }, 10*time.Second, time.Millisecond)
	require.False(t, th.TryGet(1), "nobody overtakes who waits")
	ctx, cancel := context.WithCancel(context.Background())
	go func() { got <- th.Get(ctx, 60) }()
	require.Eventually(t, func() bool { return th.Waiting() == 2 }, 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-got, context.Canceled)
	th.Put(60)
	require.NoError(t, <-got)
	require.Equal(t, int64(60), th.InUse())
	th.Put(60)
	require.True(t, th.TryGet(500), "alone, any demand is granted")
	require.False(t, th.TryGet(1))
	th.Put(500)
	require.Panics(t, func() { th.Put(1) })

	var none *Throttle
	require.True(t, none.TryGet(1<<40))
	none.Put(1 << 40)
	require.Zero(t, none.InUse())
}

func TestPolicyPresets(t *testing.T) {
	require.Equal(t, Policy{Server: true, Standby: true, ResetCheck: true}, StatefulServer())
	require.Equal(t, Policy{Lossy: true, Server: true}, StatelessServer())
	require.Equal(t, Policy{Standby: true}, LosslessPeer())
	require.Equal(t, Policy{Standby: true, ResetCheck: true}, LosslessPeerReuse())
	require.Equal(t, Policy{Lossy: true}, LossyClient())
	require.Equal(t, Policy{ResetCheck: true}, LosslessClient())
	require.Equal(t, DefaultFeatures, Policy{}.Supported())
}

func TestFeaturesOfOldPeers(t *testing.T) {
	require.Equal(t, Features(0x1ffffffff), Features(1<<63|5).Normalize())
	require.Equal(t, Features(5), Features(5).Normalize())
}
