// SPDX-License-Identifier: Apache-2.0

package pool

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"strconv"

	"github.com/accelio/accelio-go/xio/cgo"
)

// allocator is how a pool gets memory.
func allocator(cfg Config) func(n int) (memory, int) {
	if !cfg.HugePages && cfg.Node.Number() == -1 {
		return func(n int) (memory, int) {
			m, rc := cgo.AllocMemory(n)
			return m, rc
		}
	}
	return func(n int) (memory, int) {
		p, rc := cgo.AllocPages(n, cfg.HugePages, cfg.Node.Number())
		return p, rc
	}
}

// Placement is what kind of memory a pool has got, in bytes.
type Placement struct {
	Held   int64 // all registered memory
	Huge   int64 // in huge pages; -1: the pool did not ask for them, or it is unknown
	OnNode int64 // on Config.Node; -1: the pool did not ask for one, or it is unknown
}

// Placement asks the kernel where the pool's memory lies now. It may take
// milliseconds, does not hold up the pool, and counts what is given back
// meanwhile as neither huge nor on the node.
func (p *Pool) Placement() Placement {
	type piece struct {
		addr     uintptr
		n        int
		reserved bool
	}
	var pieces []piece
	res := Placement{Huge: -1, OnNode: -1}
	p.mu.Lock()
	res.Held = p.held
	for r := range p.regions {
		if m, ok := r.mem.(cgo.Pages); ok {
			pieces = append(pieces, piece{m.Addr(), len(r.b), m.Reserved()})
		}
	}
	p.mu.Unlock()

	if p.page == hugePage {
		if huge, err := transparentHuge(); err == nil {
			res.Huge = 0
			for _, m := range pieces {
				if m.reserved {
					res.Huge += int64(m.n)
				} else {
					res.Huge += min(huge[m.addr], int64(m.n))
				}
			}
		}
	}
	if node := p.node.Number(); node >= 0 {
		res.OnNode = 0
		for _, m := range pieces {
			n := cgo.BytesOnNode(m.addr, m.n, node)
			if n < 0 {
				res.OnNode = -1
				break
			}
			res.OnNode += n
		}
	}
	return res
}

// transparentHuge is how many bytes of each mapping of the process lie in
// transparent huge pages, by the mapping's address.
func transparentHuge() (map[uintptr]int64, error) {
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseSmaps(f)
}

func parseSmaps(r io.Reader) (map[uintptr]int64, error) {
	huge := make(map[uintptr]int64)
	var at uintptr
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if kb, ok := bytes.CutPrefix(lines.Bytes(), []byte("AnonHugePages:")); ok {
			kb = bytes.TrimSpace(bytes.TrimSuffix(kb, []byte("kB")))
			if n, err := strconv.ParseInt(string(kb), 10, 64); err == nil && n > 0 {
				huge[at] = n << 10
			}
		} else if start, _, ok := bytes.Cut(lines.Bytes(), []byte("-")); ok {
			// The line that begins a mapping, "7f0000000000-7f0000200000 rw-p …".
			if n, err := strconv.ParseUint(string(start), 16, 64); err == nil {
				at = uintptr(n)
			}
		}
	}
	return huge, lines.Err()
}
