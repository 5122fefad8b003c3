// SPDX-License-Identifier: Apache-2.0

package xiomessenger_test

import (
	"testing"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messengertest"
	"github.com/accelio/accelio-go/messenger/xiomessenger"
	"github.com/accelio/accelio-go/pool"
)

func harness() messengertest.Harness {
	return messengertest.Harness{
		New: func(cfg messenger.Config) (messenger.Messenger, error) {
			return xiomessenger.New(cfg, xiomessenger.Options{TransportType: xiomessenger.Transport, PortalThreads: 1})
		},
		Bind:  xiomessenger.Place,
		Leaks: leaks,
	}
}

// leaks waits until nothing of a test is left.
func leaks(t testing.TB) {
	t.Helper()
	left := func() (int64, int64) { return xiomessenger.LiveHooks(), pool.Default().Stats().Buffers }
	hooks, buffers := left()
	for end := time.Now().Add(30 * time.Second); (hooks != 0 || buffers != 0) && time.Now().Before(end); hooks, buffers = left() {
		time.Sleep(time.Millisecond) // a condition is waited for, not a time
	}
	if hooks != 0 || buffers != 0 {
		t.Errorf("left behind: %d received messages, %d buffers", hooks, buffers)
	}
}

func TestConformance(t *testing.T) { messengertest.Run(t, harness()) }
