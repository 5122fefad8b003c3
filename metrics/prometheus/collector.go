// SPDX-License-Identifier: Apache-2.0

package xioprometheus

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

// ErrName is what the Collector's methods return for a name that cannot be a
// label.
var ErrName = errors.New("name is empty or not UTF-8")

// Collector is a [prometheus.Collector] that reads, whenever Prometheus asks, the
// Stats of what it was given: Contexts, Servers, Connections and Pools, each
// under a name that becomes a label. The zero value is ready to use. It is safe
// for concurrent use, and must not be copied after first use.
type Collector struct {
	mu       sync.Mutex
	contexts map[string]*xio.Context
	servers  map[string]*xio.Server
	conns    map[string]*xio.Connection
	pools    map[string]*poolReader
}

var _ prometheus.Collector = (*Collector)(nil)

// SetContext makes name stand for x, in place of what it stood for before. Nil
// takes the name away; so should whoever closes x.
//
// Errors: ErrName.
func (c *Collector) SetContext(name string, x *xio.Context) error {
	return set(c, &c.contexts, name, x)
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

// Collect implements [prometheus.Collector]. It waits for nobody: no driver, no
// handler.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	contexts, servers := maps.Clone(c.contexts), maps.Clone(c.servers)
	conns, pools := maps.Clone(c.conns), maps.Clone(c.pools)
	c.mu.Unlock()
	for name, x := range contexts {
		collectContext(ch, name, x.Stats())
	}
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
