package pool_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/accelio/accelio-go/pool"
	"github.com/accelio/accelio-go/xio"
)

func Example() {
	p, err := pool.New(pool.Config{Limit: 1 << 20})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	buf, err := p.Get(context.Background(), 10000)
	if err != nil {
		log.Fatal(err)
	}
	n := copy(buf.Bytes(), "payload")
	buf.Resize(n)
	fmt.Printf("%s, room for %d\n", buf.Bytes(), buf.Cap())
	buf.Release()
	fmt.Println(p.Stats().Buffers, "out")
	// Output:
	// payload, room for 16384
	// 0 out
}

// Classes made for the sizes in use, with bounds of their own.
func ExampleNew_classes() {
	p, err := pool.New(pool.Config{
		Limit: 16 << 20,
		Classes: []pool.Class{
			{Size: 4096 + 64, Prealloc: 100},
			{Size: 1 << 20, Max: 2},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()

	small, _ := p.TryGet(4100)
	defer small.Release()
	for range 3 {
		large, err := p.TryGet(1 << 20)
		if errors.Is(err, pool.ErrExhausted) {
			fmt.Println(err)
			continue
		}
		defer large.Release()
	}
	for _, c := range p.Stats().Classes {
		fmt.Printf("%d bytes: %d in use of %d\n", c.Size, c.InUse, c.Blocks)
	}

	_, err = pool.New(pool.Config{Classes: pool.Sizes(4096, 4090)})
	fmt.Println(err)
	// Output:
	// pool: limit reached: the size class is at its maximum
	// 4160 bytes: 1 in use of 100
	// 1048576 bytes: 2 in use of 2
	// pool: size out of range: Config.Classes[1].Size is 4096: the size of another class
}

// A cache of its own for each worker keeps them away from the pool's lock.
func ExamplePool_NewCache() {
	p, err := pool.New(pool.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	c, err := p.NewCache(256 << 10)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	for range 1000 {
		buf, err := c.Get(context.Background(), 4096)
		if err != nil {
			log.Fatal(err)
		}
		buf.Release()
	}
	s := p.Stats()
	fmt.Println(s.Gets, "buffers,", s.Hits, "from the cache, which keeps", s.Cached, "bytes")
	// Output: 1000 buffers, 999 from the cache, which keeps 4096 bytes
}

// Idle memory can be given back at once, for example after a burst.
func ExamplePool_Trim() {
	p, err := pool.New(pool.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	buf, err := p.Get(context.Background(), 8<<20)
	if err != nil {
		log.Fatal(err)
	}
	buf.Release()
	fmt.Println(p.Stats().Idle, "idle,", p.Trim(0), "given back,", p.Stats().Held, "held")
	// Output: 8388608 idle, 8388608 given back, 0 held
}

// A message from any code that writes, answered by any code that reads.
func ExampleWriter() {
	srv, err := xio.Listen("tcp://127.0.0.1:0", xio.HandlerFunc(func(req *xio.Request) {
		lines := 0
		for s := bufio.NewScanner(pool.NewReader(req.Segments()...)); s.Scan(); {
			lines++
		}
		req.Reply(&xio.Message{Data: fmt.Appendf(nil, "%d bytes, %d lines", req.Len(), lines)})
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	ctx := context.Background()
	conn, err := xio.Dial(ctx, srv.URI())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()

	w := pool.NewWriter(ctx, pool.Default(), pool.Growing(1<<20, xio.MaxSegments)...)
	defer w.Release()
	for i := range 30000 {
		if _, err := fmt.Fprintln(w, "line", i); err != nil {
			log.Fatal(err)
		}
	}
	list := w.List()
	rsp, err := conn.Call(ctx, &xio.Message{Buffers: list})
	list.Release()
	if err != nil {
		log.Fatal(err)
	}
	defer rsp.Release()
	fmt.Printf("%s in %d segments\n", rsp.Data(), len(list))
	// Output: 318890 bytes, 30000 lines in 3 segments
}

// A list whose segments fill their blocks.
func ExamplePool_Fit() {
	p, err := pool.New(pool.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	sizes, err := p.Fit(100_000, xio.MaxSegments)
	if err != nil {
		log.Fatal(err)
	}
	list, err := pool.GetList(context.Background(), p, sizes...)
	if err != nil {
		log.Fatal(err)
	}
	defer list.Release()
	fmt.Println(sizes, "in", p.Stats().InUse, "bytes of memory")
	// Output: [65536 32768 1696] in 100352 bytes of memory
}

func ExampleReader() {
	r := pool.NewReader([]byte("scatter"), []byte("-"), []byte("gather"))
	word := make([]byte, 6)
	r.ReadAt(word, 8)
	var all strings.Builder
	n, _ := io.Copy(&all, r)
	fmt.Printf("%s: %d bytes, %q\n", word, n, all.String())
	// Output: gather: 14 bytes, "scatter-gather"
}
