// SPDX-License-Identifier: Apache-2.0

package simplemessenger_test

import (
	"testing"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messengertest"
	"github.com/accelio/accelio-go/messenger/xiomessenger"
	"github.com/accelio/accelio-go/xio"
)

// TestBothAtOnce: an entity is reached over TCP and over xio at once.
func TestBothAtOnce(t *testing.T) {
	messengertest.RunSeveral(t, harness(), messengertest.Harness{
		New: func(cfg messenger.Config) (messenger.Messenger, error) {
			return xiomessenger.New(cfg, xiomessenger.Options{PortalThreads: 1})
		},
		Bind: "xio:127.0.0.1:0",
		// An installed libxio complains of frames that are none, and keeps the connection.
		Trusting: xio.Engine().Provider == "libxio",
	})
}
