// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStamps(t *testing.T) {
	data := make([]byte, 40)
	stamp(data, 12345)
	n, err := stampOf(data, 40)
	require.NoError(t, err)
	require.EqualValues(t, 12345, n)
	_, err = stampOf(data, 41)
	require.ErrorContains(t, err, "has 40 bytes and not 41")
	data[39] ^= 1
	_, err = stampOf(data, 40)
	require.ErrorContains(t, err, "begins with stamp 12345 and ends with")
}

// An answer that is damaged, or another request's, ends the run.
func TestVerify(t *testing.T) {
	m, err := newMeter(&options{size: 32, pid: os.Getpid(), seconds: time.Minute})
	require.NoError(t, err)
	f, slots := m.flow(), m.slots(2)
	f.begin(&slots[0], 2)
	f.begin(&slots[1], 2)
	require.EqualValues(t, []uint64{2, 3}, []uint64{slots[0].stamp, slots[1].stamp})
	more, err := f.end(&slots[0], slots[0].buf)
	require.NoError(t, err)
	require.True(t, more)
	_, err = f.end(&slots[0], slots[1].buf)
	require.ErrorContains(t, err, "the answer has stamp 3, its request had 2")
	_, err = f.end(&slots[0], slots[0].buf[:31])
	require.ErrorContains(t, err, "has 31 bytes")
	require.EqualValues(t, 1, f.verified)
}

// What is answered before and after the measured time is verified, not counted.
func TestWindow(t *testing.T) {
	m, err := newMeter(&options{size: 16, pid: os.Getpid(), warm: time.Hour, seconds: time.Hour})
	require.NoError(t, err)
	f, slots := m.flow(), m.slots(1)
	end := func() bool {
		f.begin(&slots[0], 1)
		more, err := f.end(&slots[0], slots[0].buf)
		require.NoError(t, err)
		return more
	}
	require.True(t, end())
	require.ErrorContains(t, m.report(new(bytes.Buffer)), "no request was answered in the measured time")
	m.ready = 0
	require.True(t, end(), "begins")
	require.True(t, end())
	m.stop = m.now()
	require.False(t, end(), "ends")
	require.False(t, end())
	var out bytes.Buffer
	require.NoError(t, m.report(&out))
	require.Contains(t, out.String(), "messages=2 verified=5 ")
	require.Contains(t, out.String(), " allocs=")
}

func TestCPUClock(t *testing.T) {
	_, err := newMeter(&options{size: 16, pid: 1 << 22})
	require.ErrorContains(t, err, "CPU time of a process")
	before, err := cpuTime(cpuClock(os.Getpid()))
	require.NoError(t, err)
	for now := before; now == before; {
		now, err = cpuTime(cpuClock(os.Getpid()))
		require.NoError(t, err)
	}
}

func TestServerMeter(t *testing.T) {
	m := &serverMeter{size: 16}
	data := make([]byte, 16)
	var out bytes.Buffer
	for range settled {
		m.check(data)
	}
	m.report(&out)
	require.Empty(t, out.String(), "nothing was served in the steady state")
	m.check(data)
	m.report(&out)
	require.Contains(t, out.String(), "server_allocs=")
}

func TestUsage(t *testing.T) {
	require.ErrorContains(t, run(nil), "usage: peer")
	require.ErrorContains(t, run([]string{"client", "-peer", "nobody"}), "usage: peer")
	require.ErrorContains(t, run([]string{"client", "-server", "x"}), `-server "x" is not port:pid`)
	require.ErrorContains(t, run([]string{"client", "-size", "15", "-server", "1:1"}), "usage: peer")
}
