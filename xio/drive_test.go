package xio

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func newContext(t testing.TB, o ContextOptions) *Context {
	t.Helper()
	c, err := NewContext(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// Every way to drive serves every kind of traffic, on both sides.
func TestDrives(t *testing.T) {
	for _, how := range []Drive{DriveAuto, DrivePark, DriveBusy} {
		t.Run(how.String(), func(t *testing.T) {
			leakCheck(t)
			there, here := newContext(t, ContextOptions{Drive: how}), newContext(t, ContextOptions{Drive: how})
			arrived := make(chan struct{}, 1000)
			s := listen(t, ListenConfig{Context: there, OnMsg: func(*OneWay) { arrived <- struct{}{} }}, echo)
			c := dial(t, Dialer{Context: here}, s)
			for i := range 200 { // one after the other
				ask(t, c, fmt.Sprint(i))
			}
			var wg sync.WaitGroup
			for g := range 8 {
				wg.Go(func() {
					for i := range 100 {
						ask(t, c, fmt.Sprint(g, i))
					}
				})
			}
			wg.Wait()
			for range 100 {
				require.NoError(t, c.SendMsg(testContext(t), &Message{Data: pattern(20000, 1)}, nil))
			}
			for range 100 {
				<-arrived
			}
			time.Sleep(20 * time.Millisecond) // nothing to do
			ask(t, c, "after a while")
			st := here.Stats()
			assert.Equal(t, 1, st.Connections)
			assert.Greater(t, st.Turns, uint64(0))
			assert.GreaterOrEqual(t, st.Submissions, uint64(1100))
			assert.GreaterOrEqual(t, st.Events, uint64(1100))
			switch how {
			case DriveAuto, DrivePark:
				assert.Positive(t, st.Parks)
			case DriveBusy:
				assert.Zero(t, st.Parks)
			}
		})
	}
}

func TestLinger(t *testing.T) {
	var l linger
	looks := func(n int, came, lost bool) (looked int) {
		for range n {
			if l.due() {
				looked++
				l.learn(came, lost)
			}
		}
		return looked
	}
	assert.Equal(t, 100, looks(100, true, false), "it pays")
	assert.Less(t, looks(1000, false, false), 30, "in vain")
	looks(restVain+1, true, false)
	assert.Equal(t, 100, looks(100, true, false), "it pays again")
	assert.Equal(t, 1, looks(restLeast, true, true), "the processor is lost")
	assert.Equal(t, 2*restLeast, l.lost)
	for range 20 {
		l.rest = 0
		looks(1, true, true)
	}
	assert.Equal(t, restMost, l.lost)
	l.rest = 0
	looks(100, true, false)
	assert.Less(t, l.lost, 2*restLeast, "forgotten in the end")
}

func TestDriveManual(t *testing.T) {
	leakCheck(t)
	s := listen(t, ListenConfig{}, echo)
	ctx := newContext(t, ContextOptions{Drive: DriveManual})
	// Blocking calls turn it themselves.
	c := dial(t, Dialer{Context: ctx, QueueDepth: 4}, s)
	ask(t, c, "x")
	require.NoError(t, c.Deliver(testContext(t), &Message{}))

	// An application's own loop.
	const count = 1000
	sent, ended := 0, 0
	for ended < count {
		for sent < count && c.TrySend(&Message{Data: []byte("x")}, func(r *Response, err error) {
			require.NoError(t, err)
			r.Release()
			ended++
		}) == nil {
			sent++
		}
		did, err := ctx.Turn()
		require.NoError(t, err)
		if !did {
			fds := []unix.PollFd{{Fd: int32(ctx.PollFD()), Events: unix.POLLIN}}
			_, err := unix.Poll(fds, int(patience/time.Millisecond))
			if err != unix.EINTR {
				require.NoError(t, err)
			}
		}
	}
	// Several goroutines, none of which is the driver, and a full queue.
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 20 {
				ask(t, c, fmt.Sprint(g, i))
			}
		})
	}
	wg.Wait()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := c.Call(gone, &Message{})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, c.Drain(testContext(t)))

	// A server on it.
	ms, err := (&ListenConfig{Context: ctx, Inline: true}).Listen("tcp://127.0.0.1:0", echo)
	require.NoError(t, err)
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = ctx.Turn()
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
	ask(t, dial(t, Dialer{}, ms), "x")
	close(stop)
	wg.Wait()
	require.NoError(t, ms.Close())
	require.NoError(t, ctx.Close())
	_, err = ctx.Turn()
	require.ErrorIs(t, err, ErrClosed)
}

func TestDriveMisuse(t *testing.T) {
	leakCheck(t)
	_, err := NewContext(ContextOptions{Drive: 9})
	require.ErrorIs(t, err, ErrMsgInvalid)
	_, err = NewContext(ContextOptions{Drive: DriveManual, CPUs: []int{0}})
	require.ErrorIs(t, err, ErrMsgInvalid)
	_, err = NewContext(ContextOptions{CPUs: []int{-1}})
	require.Error(t, err)
	_, err = NewContext(ContextOptions{CPUs: []int{1000}})
	require.Error(t, err)
	c := newContext(t, ContextOptions{})
	_, err = c.Turn()
	require.ErrorIs(t, err, ErrState)
	require.Equal(t, -1, c.PollFD())
}

// The driver's thread runs where it is told to.
func TestCPUs(t *testing.T) {
	leakCheck(t)
	cpu := -1
	var set unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &set))
	for i := range 1024 {
		if set.IsSet(i) {
			cpu = i
		}
	}
	where := make(chan string, 1)
	s := listen(t, ListenConfig{Context: newContext(t, ContextOptions{CPUs: []int{cpu}}), Inline: true},
		HandlerFunc(func(r *Request) {
			b, _ := os.ReadFile("/proc/thread-self/status")
			where <- string(b)
			echo(r)
		}))
	ask(t, dial(t, Dialer{}, s), "x")
	for line := range strings.Lines(<-where) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			assert.Equal(t, strconv.Itoa(cpu), strings.TrimSpace(list))
			return
		}
	}
	t.Fatal("the kernel does not say")
}
