// SPDX-License-Identifier: Apache-2.0

// Xiosrvd is an Accelio server that runs as a daemon: in the background, with a
// pid file and the system's log, until a signal ends it. SIGHUP makes it close
// its listener and connections and begin anew.
//
// It is a port of Accelio's C xiosrvd (hello_world_daemon) and takes its
// arguments; clients may be xioclntd, its C counterpart, or any other. It differs
// from the C program on purpose: the default transport is tcp, the pid file is
// locked so that a second daemon refuses to start, and says why, and a request
// that cannot be answered does not end the daemon.
package main

import (
	"context"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/examples/internal/daemon"
	"github.com/accelio/accelio-go/xio"
)

// printEvery is after how many requests one of them is logged, as the C program
// does.
const printEvery = 400_000

func main() { daemon.Main("xiosrvd", "answers the requests of Accelio clients", true, serve) }

// serve runs until ctx ends: at the end of the daemon, or for a restart.
func serve(ctx context.Context, d *daemon.Daemon) error {
	r := &app.Responder{Text: []byte(app.ResponseData)}
	r.Seen = func(n uint64, req *xio.Request) {
		if n%printEvery == 0 {
			d.Infof("message header : [%d] - %s", n, app.Text(req.Header()))
			d.Infof("message data: [%d][0][%d] - %s", n, req.Len(), app.Text(req.Data()))
		}
	}
	l := xio.ListenConfig{
		Inline: true,
		OnConnect: func(c *xio.Connection) {
			d.Infof("session event: new connection. peer: %s, uri: %s", c.RemoteAddr(), c.URI())
		},
		OnDisconnect: func(c *xio.Connection, why error) {
			d.Infof("session event: connection teardown. peer: %s, reason: %s", c.RemoteAddr(), xio.CodeOf(why))
		},
	}
	srv, err := l.Listen(d.URI, r)
	if err != nil {
		return err
	}
	// After a restart the daemon is where it was, also if its port was picked.
	d.URI = srv.URI()
	d.Infof("listen to %s", srv.URI())
	<-ctx.Done()
	err = srv.Close()
	d.Infof("requests: %d answered, %d failed", r.Requests.Load(), r.Failed.Load())
	return err
}
