package pool_test

import (
	"context"
	"fmt"
	"log"

	"github.com/accelio/accelio-go/pool"
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
