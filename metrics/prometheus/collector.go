// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// Errors of the Collector's methods, to compare with by [errors.Is].
var (
	ErrName   = errors.New("name is empty or not UTF-8")
	ErrManual = errors.New("a Context with DriveManual cannot be read")
)

// Collector is a [prometheus.Collector] that reads, whenever Prometheus asks, the
// Stats of what it was given: Contexts, Servers, Connections and Pools, each
// under a name that becomes a label. The zero value is ready to use. It is safe
// for concurrent use, and must not be copied after first use.
type Collector struct {
	// Wait is how long a scrape waits for the drivers of Contexts, all of them
	// together; one that is in a handler answers when that returns. A Context
	// that has not answered has xio_context_unresponsive 1, and no other
	// metrics, in that scrape. Zero means 250 ms. It is to be set before the
	// first scrape.
	Wait time.Duration

	mu       sync.Mutex
	contexts map[string]*contextReader
	servers  map[string]*xio.Server
	conns    map[string]*xio.Connection
	pools    map[string]*poolReader
}

var _ prometheus.Collector = (*Collector)(nil)

// SetContext makes name stand for c, in place of what it stood for before. Nil
// takes the name away; so should whoever closes c.
//
// Errors: ErrName; ErrManual for a Context with DriveManual, because its Stats
// would turn it on the goroutine of a scrape.
func (c *Collector) SetContext(name string, x *xio.Context) error {
	if x == nil {
		return set(c, &c.contexts, name, nil)
	}
	if x.PollFD() >= 0 {
		return fmt.Errorf("xioprometheus: context %q: %w", name, ErrManual)
	}
	return set(c, &c.contexts, name, &contextReader{ctx: x})
}

// SetServer makes name stand for s, in place of what it stood for before. Nil
// takes the name away; so should whoever closes s.
//
// Errors: ErrName.
func (c *Collector) SetServer(name string, s *xio.Server) error {
	return set(c, &c.servers, name, s)
}

// SetConnection makes name stand for conn, in place of what it stood for before:
// a client that has connected again calls it again. Nil takes the name away; so
// should whoever closes conn.
//
// Errors: ErrName.
func (c *Collector) SetConnection(name string, conn *xio.Connection) error {
	return set(c, &c.conns, name, conn)
}

// SetPool makes name stand for p, in place of what it stood for before. Nil takes
// the name away; so should whoever closes p.
//
// Errors: ErrName.
func (c *Collector) SetPool(name string, p *pool.Pool) error {
	if p == nil {
		return set(c, &c.pools, name, nil)
	}
	return set(c, &c.pools, name, &poolReader{pool: p})
}

func set[T any](c *Collector, m *map[string]*T, name string, v *T) error {
	// Anything else would make whole scrapes fail.
	if name == "" || !utf8.ValidString(name) {
		return fmt.Errorf("xioprometheus: %q: %w", name, ErrName)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v == nil {
		delete(*m, name)
		return nil
	}
	if *m == nil {
		*m = make(map[string]*T)
	}
	(*m)[name] = v
	return nil
}

// Describe implements [prometheus.Collector].
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descs {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	contexts, servers := maps.Clone(c.contexts), maps.Clone(c.servers)
	conns, pools := maps.Clone(c.conns), maps.Clone(c.pools)
	c.mu.Unlock()
	c.collectContexts(ch, contexts)
	for name, s := range servers {
		collectServer(ch, name, s.Stats())
	}
	for name, conn := range conns {
		collectConnection(ch, name, conn)
	}
	for name, p := range pools {
		p.collect(ch, name)
	}
}

// collectContexts asks all drivers before it waits for any.
func (c *Collector) collectContexts(ch chan<- prometheus.Metric, contexts map[string]*contextReader) {
	wait := c.Wait
	if wait == 0 {
		wait = 250 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	asked := make(map[string]*reading, len(contexts))
	for name, r := range contexts {
		asked[name] = r.ask()
	}
	for name, r := range asked {
		collectContext(ch, name, r.wait(ctx))
	}
}
