// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLabel(t *testing.T) {
	data := []byte("some data")
	l := labelFor(kindRequest, 1<<60, 77, data)
	l.earlier = 5
	h := l.appendTo(nil)
	require.Len(t, h, soakHeader)
	got, err := parseLabel(h)
	require.NoError(t, err)
	require.Equal(t, l, got)
	require.True(t, got.describes(data))
	require.False(t, got.describes(data[1:]))
	require.False(t, got.describes([]byte("some dat!")))

	for i := range soakHeader * 8 {
		h[i/8] ^= 1 << (i % 8)
		_, err := parseLabel(h)
		require.ErrorIs(t, err, errDamaged, "bit %d", i)
		h[i/8] ^= 1 << (i % 8)
	}
	for _, b := range [][]byte{nil, h[:soakHeader-1], append(h[:soakHeader:soakHeader], 0)} {
		_, err := parseLabel(b)
		require.ErrorIs(t, err, errDamaged)
	}
}

// Sizes go from one byte to the limit, and both ends come up.
func TestCutData(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	least, most := soakMax, 0
	for range 100_000 {
		n := len(cutData(rng))
		least, most = min(least, n), max(most, n)
	}
	require.Equal(t, 1, least)
	require.LessOrEqual(t, most, soakMax)
	require.Greater(t, most, soakMax*99/100)
}

func TestSequence(t *testing.T) {
	var s sequence
	for n, want := range map[uint64]arrival{maxGap + 1: arrivedTooFar, 1 << 63: arrivedTooFar} {
		require.Equal(t, want, s.arrive(n))
	}
	require.EqualValues(t, 5, s.lost(5), "nothing has come")
	for _, step := range []struct {
		n    uint64
		want arrival
	}{
		{0, arrivedFirst}, {1, arrivedFirst}, {1, arrivedAgain}, {4, arrivedFirst}, {3, arrivedLate},
		{3, arrivedAgain}, {4, arrivedAgain}, {0, arrivedAgain}, {5, arrivedFirst},
	} {
		require.Equal(t, step.want, s.arrive(step.n), "%d", step.n)
	}
	require.EqualValues(t, 1, s.lost(0), "2 is missing")
	require.EqualValues(t, 1, s.lost(6))
	require.EqualValues(t, 3, s.lost(8))
	require.Equal(t, arrivedLate, s.arrive(2))
	require.Zero(t, s.lost(6))
}

// rowsWhere makes a hundred samples of a process.
func rowsWhere(process string, set func(i int, s *sample)) []sampleRow {
	rows := make([]sampleRow, 100)
	for i := range rows {
		rows[i].Process = process
		rows[i].sample = sample{RSS: 100 << 20, C: 50 << 20, Pool: 32 << 20, FDs: 300, Goroutines: 200}
		if set != nil {
			set(i, &rows[i].sample)
		}
	}
	return rows
}

func grown(rows []sampleRow) (names []string) {
	for _, g := range judgeGrowth(rows) {
		if g.Grew {
			names = append(names, g.Process+" "+g.What)
		}
	}
	return names
}

func TestGrowth(t *testing.T) {
	require.Empty(t, grown(rowsWhere("client", nil)))
	require.Len(t, judgeGrowth(rowsWhere("client", nil)), len(watched))
	require.Empty(t, judgeGrowth(rowsWhere("client", nil)[:9]), "too few to have tenths")

	for what, grow := range map[string]func(s *sample, i int64){
		"rss":         func(s *sample, i int64) { s.RSS += i << 20 },
		"c memory":    func(s *sample, i int64) { s.C += i << 20 },
		"pool memory": func(s *sample, i int64) { s.Pool += i << 20 },
		"fds":         func(s *sample, i int64) { s.FDs += i },
		"goroutines":  func(s *sample, i int64) { s.Goroutines += 2 * i },
	} {
		rows := rowsWhere("client", nil)
		rows = append(rows, rowsWhere("server", func(i int, s *sample) { grow(s, int64(i)) })...)
		require.Equal(t, []string{"server " + what}, grown(rows))
	}

	// The start does not count, and neither does a peak.
	require.Empty(t, grown(rowsWhere("client", func(i int, s *sample) {
		if i < 10 {
			s.RSS = 0
		}
		if i%10 == 3 {
			s.RSS *= 5
		}
	})))
}

func TestSample(t *testing.T) {
	s := takeSample()
	require.Positive(t, s.RSS)
	require.Positive(t, s.GoMemory)
	require.Positive(t, s.FDs)
	require.Positive(t, s.Goroutines)
}

// A soak with growth or faults fails, a clean one does not.
func TestVerdict(t *testing.T) {
	require.NoError(t, (&soakResult{}).verdict())
	require.ErrorContains(t, (&soakResult{Server: counts{Lost: 1}}).verdict(), "1 lost")
	require.ErrorContains(t, (&soakResult{Client: counts{Broken: 2}}).verdict(), "2 connections broken")
	require.NoError(t, (&soakResult{Judged: true, Growth: []growth{{What: "fds"}}}).verdict())
	grew := []growth{{What: "fds", Grew: true}}
	require.ErrorContains(t, (&soakResult{Judged: true, Growth: grew}).verdict(), "fds: 0.0 to 0.0: it grew")
	require.NoError(t, (&soakResult{Growth: grew}).verdict(), "too short to judge")
	require.Contains(t, (&soakResult{Judged: true, Growth: grew}).text(), "GREW")
	require.Contains(t, (&soakResult{Growth: grew}).text(), "not judged")
}

func TestCounts(t *testing.T) {
	a := counts{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
	require.Equal(t, counts{2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22}, a.plus(a))
	require.Equal(t, counts{}, a.minus(a))
	require.EqualValues(t, 7+8+9+10+11, a.faults())
}
