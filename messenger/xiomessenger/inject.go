// SPDX-License-Identifier: Apache-2.0

package xiomessenger

import (
	"context"

	"github.com/accelio/accelio-go/messenger"
)

// inject asks a test whether the next operation works.
func (x *XioConnection) inject(ctx context.Context) error {
	if x.t.cfg.Injector == nil {
		return nil
	}
	if err := x.t.cfg.Injector.SocketOp(ctx); err != nil {
		return messenger.NewFault(messenger.ErrInjected, err, "")
	}
	return nil
}

// injected is inject for a frame, which must not wait, as the session's lock is held:
// there is no room for the frame until the test has had its say.
func (x *XioConnection) injected() bool {
	if x.t.cfg.Injector == nil {
		return true
	}
	s := &x.tx
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.granted {
		s.granted = false
		return true
	}
	if !s.asked {
		s.asked = true
		go func() {
			if err := x.inject(x.closing); err != nil {
				x.Close(err)
			}
			s.mu.Lock()
			s.asked, s.granted = false, true
			s.mu.Unlock()
			x.handler.Writable()
		}()
	}
	return false
}
