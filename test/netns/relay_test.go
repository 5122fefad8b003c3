// SPDX-License-Identifier: Apache-2.0

package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// weather is what a link does to packets, in each direction.
type weather struct {
	delay   time.Duration // of every packet
	jitter  time.Duration // and up to so much more or less
	loss    float64       // part of the packets that never arrive
	reorder float64       // part of the packets that overtake all others
}

// relay carries IP packets between two TUN devices.
type relay struct {
	weather weather
	tun     [2]*os.File
	done    sync.WaitGroup
	carried [2]atomic.Int64 // packets, by direction
	lost    atomic.Int64
	early   atomic.Int64 // packets that overtook others
}

// tunDevice makes a TUN device in the namespace of this process. It may be moved
// to another one; it goes when the file is closed.
func tunDevice(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("TUN device %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// newRelay makes the devices and starts carrying; the test ends it.
func newRelay(t *testing.T, w weather, names [2]string) *relay {
	t.Helper()
	r := &relay{weather: w}
	for i, name := range names {
		f, err := tunDevice(name)
		if err != nil {
			if i > 0 {
				r.tun[0].Close()
			}
			t.Skipf("not run: %v", err)
		}
		r.tun[i] = f
	}
	for i := range r.tun {
		r.done.Go(func() { r.carry(i) })
	}
	t.Cleanup(func() {
		for _, f := range r.tun {
			require.NoError(t, f.Close())
		}
		r.done.Wait()
	})
	return r
}

// carry takes packets from one device to the other until they are closed.
func (r *relay) carry(from int) {
	// Its own numbers, the same in every run.
	rnd := rand.New(rand.NewPCG(uint64(from), 2061))
	var flying sync.WaitGroup
	defer flying.Wait()
	buf := make([]byte, 65536)
	for {
		n, err := r.tun[from].Read(buf)
		switch {
		case errors.Is(err, unix.EIO): // the device is down
			time.Sleep(time.Millisecond)
			continue
		case err != nil:
			return
		}
		if rnd.Float64() < r.weather.loss {
			r.lost.Add(1)
			continue
		}
		after := r.weather.delay
		if j := int64(r.weather.jitter); j > 0 {
			after += time.Duration(rnd.Int64N(2*j) - j)
		}
		if rnd.Float64() < r.weather.reorder {
			after = 0
			r.early.Add(1)
		}
		packet := append([]byte(nil), buf[:n]...)
		flying.Add(1)
		time.AfterFunc(after, func() {
			defer flying.Done()
			// A device that is down takes nothing: the packet is lost.
			if _, err := r.tun[1-from].Write(packet); err == nil {
				r.carried[from].Add(1)
			} else if !errors.Is(err, fs.ErrClosed) {
				r.lost.Add(1)
			}
		})
	}
}
