// SPDX-License-Identifier: Apache-2.0

package simplemessenger_test

import (
	"testing"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messengertest"
	"github.com/accelio/accelio-go/messenger/simplemessenger"
)

func harness() messengertest.Harness {
	return messengertest.Harness{
		New: func(cfg messenger.Config) (messenger.Messenger, error) {
			return simplemessenger.New(cfg), nil
		},
		Bind: "v1:127.0.0.1:0",
	}
}

// TestConformance is the suite that every messenger passes, unchanged.
func TestConformance(t *testing.T) { messengertest.Run(t, harness()) }
