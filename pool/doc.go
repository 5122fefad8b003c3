// Package pool hands out buffers of the library's registered C memory: memory
// that messages of package xio are sent from without a copy, and that RDMA
// hardware can reach where there is some.
//
// # Buffers
//
// A [Pool] keeps blocks in size classes, under a limit: [Pool.Get] waits at the
// limit until a buffer comes back or its context ends, [Pool.TryGet] does not
// wait. [Default] is the pool of the process, [New] makes others.
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
// A [Buffer] is counted. Whoever wants it to live longer than its present
// holder retains it; the last [Buffer.Release] gives the memory back. Nothing is
// allocated on the way.
//
// # Size classes
//
// A buffer of n bytes takes a block of the smallest class with n bytes or more,
// and can be resized up to the block's size. Without [Config].Classes these are
// the powers of two from 1 KiB to 64 MiB, so up to half a block is lost; classes
// made for the sizes in use lose nothing:
//
//	pool.Config{Classes: []pool.Class{
//		{Size: 4096 + 64, Prealloc: 256}, // made by New, stay until Close
//		{Size: 1 << 20, Max: 32},         // never more than 32 MiB of these
//	}}
//
// Sizes are rounded up to a multiple of [Align]. [ConfigError] says what is wrong
// with a Config.
//
// # Growth and give-back
//
// A class grows by a region of memory at a time, cut into Class.Grow blocks, and
// a region goes back to the system as a whole, once none of its blocks is in
// use: when more than Config.Keep bytes are idle, when another class needs room
// under Config.Limit, or when [Pool.Trim] is called. So memory follows use.
// Class.Prealloc is what never goes back, Class.Max bounds a class, Config.Limit
// everything.
//
// Waiting is first come first served. A Get that waits for room under the limit
// holds up those behind it, even smaller ones: a large buffer is not starved. A
// Get that waits for its class holds up that class alone.
//
// # Caches
//
// Goroutines that get and release all the time meet at the pool's lock. A
// [Cache] for each of them, or for each event loop, keeps a bounded number of
// blocks at hand; got from a cache, a buffer finds its way back to it from
// wherever it is released. Others lose nothing by it: what caches keep is theirs
// as soon as they would have to wait.
//
// # Huge pages and NUMA
//
// Config.HugePages and Config.Node ask for memory of a kind. Both are wishes:
// memory comes in any case, and [Pool.Placement] tells what it is. With huge
// pages a pool grows by 2 MiB at least; transparent ones need no preparation of
// the machine, reserved ones are used first where there are any. A pool for each
// node, and a worker that uses the pool of the node it runs on, keeps memory
// near; the pools and their limits are then apart.
//
// # Scatter lists
//
// A [List] is several buffers seen as one stream of bytes, for data that grows
// or that no single block fits well. A [Writer] fills one from any io.Writer or
// io.Reader code, a [Reader] reads one, or the segments of a received message:
//
//	w := pool.NewWriter(ctx, p, pool.Growing(1<<20, xio.MaxSegments)...)
//	defer w.Release()
//	if err := json.NewEncoder(w).Encode(v); err != nil {
//		return err
//	}
//	list := w.List()
//	rsp, err := conn.Call(ctx, &xio.Message{Buffers: list})
//	list.Release()
//	…
//	err = json.NewDecoder(pool.NewReader(rsp.Segments()...)).Decode(&v)
//
// [Even], [Growing] and [Pool.Fit] choose the sizes of the segments.
//
// # Statistics
//
// [Pool.Stats] is a snapshot of one moment, in total and for each class, with
// what the pool has counted since New: waits and failures, growth and give-back,
// high-water marks. [Pool.ReadStats] takes it without an allocation.
//
// # Caveats
//
// The bytes of a buffer are C memory: they stay valid until the last
// [Buffer.Release] and not longer, whatever slices point there.
//
// A goroutine that waits for a buffer while it holds others may wait for one who
// does the same: bound the wait by its context.
package pool
