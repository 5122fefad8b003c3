// SPDX-License-Identifier: Apache-2.0

package xioprometheus_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	xioprometheus "github.com/accelio/accelio-go/metrics/prometheus"
	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// A server and a client in one program, and what Prometheus would get of it.
func Example() {
	reg := prometheus.NewRegistry()
	observer := xioprometheus.NewObserver(xioprometheus.Options{})
	var state xioprometheus.Collector
	reg.MustRegister(observer, &state)

	l := xio.ListenConfig{Observer: observer}
	srv, err := l.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		req.Reply(&xio.Message{Data: req.Data()})
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	d := xio.Dialer{Observer: observer}
	conn, err := d.Dial(context.Background(), srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	for _, err := range []error{
		state.SetServer("echo", srv),
		state.SetConnection("echo", conn),
		state.SetPool("default", pool.Default()),
	} {
		if err != nil {
			log.Fatal(err)
		}
	}

	for range 3 {
		rsp, err := conn.Call(context.Background(), &xio.Message{Data: []byte("hello")})
		if err != nil {
			log.Fatal(err)
		}
		rsp.Release()
	}

	w := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for s := bufio.NewScanner(w.Body); s.Scan(); {
		if line := s.Text(); strings.HasPrefix(line, "xio_messages_total") && strings.Contains(line, `"request"`) || strings.HasPrefix(line, "xio_connection_bytes") {
			fmt.Println(line)
		}
	}
	// Output:
	// xio_connection_bytes_total{connection="echo",flow="in"} 15
	// xio_connection_bytes_total{connection="echo",flow="out"} 15
	// xio_messages_total{code="OK",direction="sent",kind="request"} 3
	// xio_messages_total{code="OK",direction="served",kind="request"} 3
}
