// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sum(sizes []int) int {
	n := 0
	for _, s := range sizes {
		n += s
	}
	return n
}

func TestSegmentSizes(t *testing.T) {
	for _, tc := range []struct {
		total, n      int
		even, growing []int
	}{
		{0, 4, nil, nil}, {-1, 4, nil, nil}, {10, 0, nil, nil}, {10, -1, nil, nil},
		{1, 1, []int{1}, []int{1}},
		{1, 4, []int{1}, []int{1}},
		{3, 4, []int{1, 1, 1}, []int{1, 2}},
		{10, 4, []int{3, 3, 3, 1}, []int{1, 1, 3, 5}},
		{9, 4, []int{3, 3, 3}, []int{1, 1, 2, 5}},
		{1024, 4, []int{256, 256, 256, 256}, []int{128, 128, 256, 512}},
		{1024, 1, []int{1024}, []int{1024}},
	} {
		assert.Equal(t, tc.even, Even(tc.total, tc.n), "Even(%d, %d)", tc.total, tc.n)
		assert.Equal(t, tc.growing, Growing(tc.total, tc.n), "Growing(%d, %d)", tc.total, tc.n)
	}
	for total := 1; total < 300; total++ {
		for n := 1; n < 10; n++ {
			for _, sizes := range [][]int{Even(total, n), Growing(total, n)} {
				require.Equal(t, total, sum(sizes))
				require.LessOrEqual(t, len(sizes), n)
				for _, s := range sizes {
					require.Positive(t, s)
				}
			}
		}
	}
}

func TestFit(t *testing.T) {
	p := newPool(t, Config{Classes: Sizes(1024, 4096, 16384)})
	for _, tc := range []struct {
		total, n int
		want     []int
	}{
		{1, 4, []int{1}},
		{4096, 4, []int{4096}},
		{4000, 4, []int{4000}},
		{2048, 4, []int{1024, 1024}},
		{2048, 1, []int{2048}},
		{5000, 4, []int{4096, 904}},
		{16384 + 4096 + 1024 + 5, 4, []int{16384, 4096, 1024, 5}},
		{16384 + 4096 + 1024 + 5, 3, []int{16384, 4096, 1029}},
		{65536, 4, []int{16384, 16384, 16384, 16384}},
	} {
		got, err := p.Fit(tc.total, tc.n)
		require.NoError(t, err)
		assert.Equal(t, tc.want, got, "Fit(%d, %d)", tc.total, tc.n)
	}
	for _, bad := range [][2]int{{0, 4}, {-5, 4}, {10, 0}, {65537, 4}} {
		_, err := p.Fit(bad[0], bad[1])
		require.ErrorIs(t, err, ErrSize, bad)
	}
}

func TestGetList(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20})
	l, err := GetList(testContext(t), p, 1000, 2000, 3000)
	require.NoError(t, err)
	assert.Equal(t, 6000, l.Len())
	l.Retain()
	l.Release()
	assert.EqualValues(t, 3, p.Stats().Buffers)
	segs := l.Segments(nil)
	require.Len(t, segs, 3)
	assert.Same(t, &l[1].Bytes()[0], &segs[1][0])
	l.Release()
	assert.Zero(t, p.Stats().Buffers)

	_, err = GetList(testContext(t), p, 1000, 0)
	require.ErrorIs(t, err, ErrSize)
	assert.Zero(t, p.Stats().Buffers, "none of them stays")
	_, err = GetList(expired(), p, 1<<19, 1<<19, 1)
	require.ErrorIs(t, err, expired().Err())
	assert.Zero(t, p.Stats().Buffers)
	l, err = GetList(testContext(t), p)
	require.NoError(t, err)
	assert.Zero(t, l.Len())
}

// What io.Reader and its kin promise, over every way to cut the text.
func TestReader(t *testing.T) {
	text := []byte("a scatter list is many pieces of one whole")
	rnd := rand.New(rand.NewPCG(1, 2))
	r := NewReader()
	for range 200 {
		var segs [][]byte
		for rest := text; len(rest) > 0; {
			n := rnd.IntN(min(9, len(rest)) + 1) // empty ones as well
			segs = append(segs, rest[:n])
			rest = rest[n:]
		}
		segs = append(segs, nil)
		require.NoError(t, iotest.TestReader(NewReader(segs...), text))

		r.Reset(segs...)
		require.EqualValues(t, len(text), r.Size())
		require.Equal(t, len(text), r.Len())
		skip := rnd.Int64N(int64(len(text)))
		_, err := r.Seek(skip, io.SeekStart)
		require.NoError(t, err)
		c, err := r.ReadByte()
		require.NoError(t, err)
		require.Equal(t, text[skip], c)
		var rest bytes.Buffer
		n, err := r.WriteTo(&rest)
		require.NoError(t, err)
		require.EqualValues(t, rest.Len(), n)
		require.Equal(t, string(text[skip+1:]), rest.String())
		require.Zero(t, r.Len())
		_, err = r.ReadByte()
		require.ErrorIs(t, err, io.EOF)
	}
}

func TestReaderBadInput(t *testing.T) {
	r := NewReader([]byte("ab"), []byte("cd"))
	_, err := r.Seek(-1, io.SeekStart)
	require.Error(t, err)
	_, err = r.Seek(0, 7)
	require.Error(t, err)
	_, err = r.ReadAt(make([]byte, 1), -1)
	require.Error(t, err)
	at, err := r.Seek(100, io.SeekEnd)
	require.NoError(t, err)
	assert.EqualValues(t, 104, at)
	assert.Zero(t, r.Len())
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = r.Seek(-103, io.SeekCurrent)
	require.NoError(t, err)

	n, err := r.WriteTo(limited{1, io.ErrClosedPipe})
	assert.EqualValues(t, 2, n, "b, and c of cd")
	require.ErrorIs(t, err, io.ErrClosedPipe)
	assert.Equal(t, 1, r.Len(), "it stands where the writer stopped")
	_, err = r.Seek(0, io.SeekStart)
	require.NoError(t, err)
	n, err = r.WriteTo(limited{1, nil})
	assert.EqualValues(t, 1, n)
	require.ErrorIs(t, err, io.ErrShortWrite)
	n, err = r.WriteTo(limited{-1, nil})
	assert.Zero(t, n)
	require.ErrorContains(t, err, "invalid count")
}

// limited takes n bytes of a Write.
type limited struct {
	n   int
	err error
}

func (l limited) Write(b []byte) (int, error) {
	if len(b) > l.n {
		return l.n, l.err
	}
	return len(b), nil
}

func TestListReader(t *testing.T) {
	p := newPool(t, Config{})
	l := get(t, p, 3, 5)
	copy(l[0].Bytes(), "abc")
	copy(l[1].Bytes(), "defgh")
	r := l.Reader()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, "abcdefgh", string(b))
	l[1].Resize(1)
	r.ResetList(l)
	b, err = io.ReadAll(r)
	require.NoError(t, err)
	assert.Equal(t, "abcd", string(b))
	l.Release()
}

func TestWriter(t *testing.T) {
	p := newPool(t, Config{})
	w := NewWriter(testContext(t), p, 4, 4, 100)
	n, err := w.WriteString("012")
	require.NoError(t, err)
	assert.Equal(t, 3, n)
	assert.EqualValues(t, 1, p.Stats().Buffers, "as it needs them")
	n, err = w.Write([]byte("345678"))
	require.NoError(t, err)
	assert.Equal(t, 6, n)
	require.NoError(t, w.WriteByte('9'))
	assert.Equal(t, 10, w.Len())
	l := w.List()
	assert.Equal(t, []int{4, 4, 2}, []int{l[0].Len(), l[1].Len(), l[2].Len()})
	b, _ := io.ReadAll(l.Reader())
	assert.Equal(t, "0123456789", string(b))

	// It can be used again, and does not touch what it handed over.
	n, err = w.WriteString(strings.Repeat("x", 109))
	assert.Equal(t, 108, n)
	require.ErrorIs(t, err, ErrFull)
	require.ErrorIs(t, w.WriteByte('x'), ErrFull)
	_, err = w.Write(nil)
	require.NoError(t, err, "nothing always fits")
	b, _ = io.ReadAll(l.Reader())
	assert.Equal(t, "0123456789", string(b))
	l.Release()
	w.Release()
	w.Release()
	assert.Zero(t, w.Len())
	assert.Zero(t, p.Stats().Buffers)
	assert.Empty(t, w.List())

	_, err = NewWriter(testContext(t), p).Write([]byte("x"))
	require.ErrorIs(t, err, ErrFull)
}

func TestWriterAtTheLimit(t *testing.T) {
	p := newPool(t, Config{Limit: 1 << 20})
	w := NewWriter(expired(), p, 512<<10, 1<<20)
	n, err := w.Write(make([]byte, 600<<10))
	assert.Equal(t, 512<<10, n)
	require.ErrorIs(t, err, expired().Err())
	assert.Equal(t, n, w.Len())
	w.Release()
}

func TestReadFrom(t *testing.T) {
	text := strings.Repeat("0123456789", 100)
	p := newPool(t, Config{})
	c := newCache(t, p, 0)
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"plain": func(r io.Reader) io.Reader { return r },
		"half":  iotest.HalfReader, "bytes": iotest.OneByteReader, "data and EOF": iotest.DataErrReader,
	} {
		for _, tc := range []struct {
			sizes []int
			n     int
			err   error
		}{
			{[]int{2000}, 1000, nil}, {[]int{300, 300, 300, 300}, 1000, nil}, {[]int{500, 500}, 1000, nil},
			{[]int{500, 499}, 999, ErrFull}, {[]int{1}, 1, ErrFull}, {nil, 0, ErrFull},
		} {
			w := NewWriter(testContext(t), c, tc.sizes...)
			n, err := w.ReadFrom(wrap(strings.NewReader(text)))
			require.ErrorIs(t, err, tc.err, name)
			require.EqualValues(t, tc.n, n, name)
			l := w.List()
			b, _ := io.ReadAll(l.Reader())
			require.Equal(t, text[:tc.n], string(b), name)
			l.Release()
		}
	}
	// An end at once leaves nothing behind.
	w := NewWriter(testContext(t), p, 10)
	n, err := w.ReadFrom(strings.NewReader(""))
	require.NoError(t, err)
	assert.Zero(t, n)
	assert.Empty(t, w.List())

	broken := errors.New("broken")
	n, err = w.ReadFrom(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)))
	assert.EqualValues(t, 3, n)
	require.ErrorIs(t, err, broken)
	_, err = w.ReadFrom(idleReader{})
	require.ErrorIs(t, err, io.ErrNoProgress)
	w.Release()
	assert.Zero(t, p.Stats().Buffers)
}

type idleReader struct{}

func (idleReader) Read([]byte) (int, error) { return 0, nil }

// io.Copy goes through both without a copy in between.
func TestCopyFromListToList(t *testing.T) {
	p := newPool(t, Config{})
	from := NewWriter(testContext(t), p, Growing(100_000, 4)...)
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(i * 7)
	}
	_, err := from.Write(data)
	require.NoError(t, err)
	l := from.List()
	to := NewWriter(testContext(t), p, Even(100_000, 3)...)
	n, err := io.Copy(to, l.Reader())
	require.NoError(t, err)
	assert.EqualValues(t, 100_000, n)
	got := to.List()
	assert.Len(t, got, 3)
	b, _ := io.ReadAll(got.Reader())
	assert.Equal(t, data, b)
	l.Release()
	got.Release()
}

// Whoever uses what there is again gets by without an allocation.
func TestNoAllocations(t *testing.T) {
	if debug {
		t.Skip("every Get allocates under -race and -tags xiodebug")
	}
	p := newPool(t, Config{})
	c := newCache(t, p, 0)
	ctx := testContext(t)
	w := NewWriter(ctx, c, Even(4000, 4)...)
	r := NewReader()
	var s Stats
	data := make([]byte, 4000)
	for name, f := range map[string]func() error{
		"pool": func() error {
			b, err := p.Get(ctx, 4096)
			if err == nil {
				b.Release()
			}
			return err
		},
		"cache": func() error {
			b, err := c.TryGet(4096)
			if err == nil {
				b.Release()
			}
			return err
		},
		"list": func() error {
			_, err := w.Write(data)
			r.ResetList(w.list)
			_, _ = r.Read(data)
			w.Release()
			return err
		},
		"read from": func() error {
			r.Reset(data)
			_, err := w.ReadFrom(r)
			w.Release()
			return err
		},
		"stats": func() error {
			p.ReadStats(&s)
			return nil
		},
	} {
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				t.Error(err)
			}
		}), name)
	}
}
