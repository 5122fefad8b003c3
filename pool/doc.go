// Package pool hands out buffers of the library's registered C memory: memory
// that messages of package xio are sent from without a copy, and that RDMA
// hardware can reach where there is some.
//
// A [Pool] keeps blocks in classes of powers of two from 1 KiB to 64 MiB, under
// a limit: [Pool.Get] waits at the limit until a buffer comes back or its
// context ends. Idle memory above a bound goes back to the system, so the pool
// follows use.
//
//	buf, err := p.Get(ctx, 1<<20)
//	if err != nil {
//		return err
//	}
//	defer buf.Release()
//	n, err := file.Read(buf.Bytes())
//	…
//	buf.Resize(n)
//	rsp, err := conn.Call(ctx, &xio.Message{Buffers: []*pool.Buffer{buf}})
//
// # Caveats
//
// The bytes of a buffer are C memory: they stay valid until the last
// [Buffer.Release] and not longer, whatever slices point there.
package pool
