// SPDX-License-Identifier: Apache-2.0

// Package raio reads and writes remote files: a client for Accelio's R-AIO
// example, in C (raio_server, libraio) and Go (raio_server below this folder).
//
//	c, err := raio.Dial(ctx, "tcp://server:2061", raio.Options{})
//	…
//	defer c.Close()
//	f, err := c.Open(ctx, "disk.img", os.O_RDONLY)
//	…
//	defer f.Close()
//	n, err := f.ReadAt(buf, off)
//
// A [File] is an io.ReaderAt and io.WriterAt for any number of goroutines. Large
// reads and writes are cut into operations of Options.MaxIO bytes that are in
// flight together. [Client.Submit] starts a batch of operations and returns; each
// calls its Done when it has ended. [Client.Do] waits for a batch.
//
// Errors of the server are of type [*os.PathError] around a [syscall.Errno], so
// errors.Is(err, fs.ErrNotExist) and errors.Is(err, syscall.ENOSPC) work. When the
// connection is lost, operations end with the error of package xio that says so.
// What was written before may be on the server's disk or not.
//
// There is no authentication and no encryption, as in all of Accelio.
package raio
