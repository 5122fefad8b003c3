// SPDX-License-Identifier: Apache-2.0

// Raio_cp copies a file from or to an R-AIO server, with many blocks in flight,
// and verifies what has arrived.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/accelio/accelio-go/examples/internal/app"
	"github.com/accelio/accelio-go/examples/raio"
	"github.com/accelio/accelio-go/xio"
)

const (
	intro = `raio_cp copies a file from or to an R-AIO server. The remote one of SOURCE and
DESTINATION is written tcp://host:port/path, with the path below the server's root;
for a C server, which has no root, tcp://host:port//path.

When the copy is complete, both files are read once more, and the checksums
compared. A file
that is copied from a server gets its name only then; one that is copied to a
server and is not complete stays there, and the exit code is not 0. Ctrl-C ends the
copy, a second one at once.`
	sample = "raio_cp tcp://127.0.0.1:2061/disk.img /tmp/disk.img"
)

func main() { app.Main("raio_cp", run) }

type options struct {
	block, depth   int
	verify, direct bool
	from, to       string
}

func run(ctx context.Context, args []string) error {
	o, help, err := parse(args)
	if err != nil || help {
		return err
	}
	if err := raio.Init(xio.LibraryOptions{LogLevel: xio.LogFatal}); err != nil {
		return err
	}
	if remote(o.from) {
		return o.download(ctx)
	}
	return o.upload(ctx)
}

func parse(args []string) (o *options, help bool, err error) {
	o = &options{}
	fs := flag.NewFlagSet("raio_cp", flag.ContinueOnError)
	fs.IntVar(&o.block, "b", 512<<10, "block size in `bytes`; a C server takes up to 524288")
	fs.IntVar(&o.depth, "depth", 16, "`blocks` in flight, 1 to 512")
	fs.BoolVar(&o.verify, "verify", true, "read the copy and compare its checksum")
	fs.BoolVar(&o.direct, "direct", false, "open the remote file with O_DIRECT")
	help, err = app.ParseArgs(fs, args, os.Stdout, intro, "[flags] SOURCE DESTINATION", sample, 2)
	if err != nil || help {
		return o, help, err
	}
	o.from, o.to = fs.Arg(0), fs.Arg(1)
	switch {
	case remote(o.from) == remote(o.to):
		err = app.Usagef("one of %q and %q must be remote, tcp://host:port/path, and the other not", o.from, o.to)
	case o.block < 1 || o.block > xio.MaxMessage-xio.MaxHeader:
		err = app.Usagef("block size %d is not within 1 to %d", o.block, xio.MaxMessage-xio.MaxHeader)
	case o.depth < 1 || o.depth > 512 || o.depth*o.block > 1<<30:
		err = app.Usagef("%d blocks of %d bytes in flight", o.depth, o.block)
	}
	return o, false, err
}

func remote(name string) bool { return strings.Contains(name, "://") }

// dial connects to the server that a remote name begins with, and returns the
// path behind it.
func (o *options) dial(ctx context.Context, name string) (*raio.Client, string, error) {
	scheme, rest, _ := strings.Cut(name, "://")
	host, path, ok := strings.Cut(rest, "/")
	if !ok || path == "" {
		return nil, "", app.Usagef("%q has no path", name)
	}
	c, err := raio.Dial(ctx, scheme+"://"+host, raio.Options{Depth: o.depth, MaxIO: o.block})
	return c, path, err
}

func (o *options) flags(access int) int {
	if o.direct {
		access |= syscall.O_DIRECT
	}
	return access
}

// download copies to a new name and renames at the end, so that nobody takes a
// part for the whole.
func (o *options) download(ctx context.Context) (err error) {
	c, path, err := o.dial(ctx, o.from)
	if err != nil {
		return err
	}
	defer c.Close()
	src, err := c.Open(ctx, path, o.flags(os.O_RDONLY))
	if err != nil {
		return err
	}
	defer src.Close()
	st, err := src.Stat(ctx)
	if err != nil {
		return err
	}
	part := o.to + ".part"
	dst, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	err = o.copy(ctx, src, dst, st.Size)
	if err == nil {
		err = dst.Sync()
	}
	if e := dst.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(part, o.to)
	}
	return err
}

func (o *options) upload(ctx context.Context) error {
	src, err := os.Open(o.from)
	if err != nil {
		return err
	}
	defer src.Close()
	size, err := src.Seek(0, io.SeekEnd) // of block devices too
	if err != nil {
		return err
	}
	c, path, err := o.dial(ctx, o.to)
	if err != nil {
		return err
	}
	defer c.Close()
	dst, err := c.Open(ctx, path, o.flags(os.O_RDWR|os.O_CREATE|os.O_TRUNC))
	if err != nil {
		return err
	}
	err = o.copy(ctx, src, dst, size)
	if e := dst.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("%s is not complete: %w", o.to, err)
	}
	return nil
}

type readerWriterAt interface {
	io.ReaderAt
	io.WriterAt
}

// copy copies and verifies.
func (o *options) copy(ctx context.Context, src io.ReaderAt, dst readerWriterAt, size int64) error {
	began := time.Now()
	sum, err := o.pass(ctx, "copying", src, size, dst.WriteAt)
	if err != nil {
		return err
	}
	took := time.Since(began)
	verified := "not verified"
	if o.verify {
		// Both sides once more: what came wrongly over the network the first
		// time is not the same the second time.
		for _, side := range []io.ReaderAt{src, dst} {
			again, err := o.pass(ctx, "verifying", side, size, nil)
			if err != nil {
				return err
			}
			if again != sum {
				return fmt.Errorf("the copy differs: CRC32C %08x was copied, %08x read again", sum, again)
			}
		}
		verified = "verified"
	}
	fmt.Printf("copied %d bytes in %.2f s, %.1f MB/s, CRC32C %08x: %s\n",
		size, took.Seconds(), float64(size)/1e6/max(took.Seconds(), 1e-9), sum, verified)
	return nil
}

// pass reads size bytes, gives them to sink if that is not nil, and returns their
// checksum.
func (o *options) pass(ctx context.Context, title string, src io.ReaderAt, size int64, sink func([]byte, int64) (int, error)) (uint32, error) {
	var done atomic.Uint64
	bar := app.StartByteProgress(title, uint64(size), done.Load)
	defer bar.Stop()
	b := &blocks{ctx: ctx, src: src, sink: sink, size: size, block: int64(o.block), done: &done}
	return b.run(o.depth)
}
