// SPDX-License-Identifier: Apache-2.0

// Package pingpong is what test programs of messengers do, after Ceph's: a client sends
// a number of pings, a server sends every message back, and so does the client, so that
// they circulate until somebody ends it. It works with any messenger.
package pingpong

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/accelio/accelio-go/messenger"
	"github.com/accelio/accelio-go/messenger/messages"
)

// Options are those of the test programs.
type Options struct {
	Addr string // name or IP of the server
	Port int
	// Fast dispatches messages where they are received.
	Fast bool

	// The rest is for clients.
	Msgs     int           // in circulation
	Size     int           // of the data in bytes; 0 sends pings without any
	Frags    int           // pieces that the data is made of
	Duration time.Duration // 0: until the connection or the context ends
}

// Defaults of the programs.
const (
	defaultPort = 1234
	defaultMsgs = 50
	// maxData bounds all data in circulation, in bytes.
	maxData = 1 << 30
	// every is how often a dispatcher says how far it has come.
	every = 65536
)

// Flags adds the options of a server, or a client, to a flag set.
func (o *Options) Flags(fs *flag.FlagSet, client bool) {
	fs.StringVar(&o.Addr, "addr", "localhost", "name or IP `address` of the server")
	fs.IntVar(&o.Port, "port", defaultPort, "`port` of the server")
	fs.BoolVar(&o.Fast, "dfast", false, "dispatch where messages are received, not by the queue")
	if client {
		fs.IntVar(&o.Msgs, "msgs", defaultMsgs, "`number` of messages in circulation")
		fs.IntVar(&o.Size, "dsize", 0, "size of their data in `bytes`; 0 sends pings without data")
		fs.IntVar(&o.Frags, "nfrags", 1, "`number` of pieces that the data is made of")
		fs.DurationVar(&o.Duration, "duration", 0, "how `long` to run; 0 runs until it is interrupted or the server goes")
	}
}

// check says what is wrong with the options.
func (o *Options) check() error {
	switch {
	case o.Port < 0 || o.Port > 65535:
		return fmt.Errorf("port %d is not within 0 and 65535", o.Port)
	case o.Msgs < 0 || o.Size < 0 || o.Frags < 0 || o.Duration < 0:
		return errors.New("msgs, dsize, nfrags and duration must not be negative")
	case o.Frags == 0 && o.Size > 0:
		return errors.New("data needs one piece at least")
	case o.Size > 0 && int64(o.Msgs)*int64(messages.FragmentSize(o.Size, o.Frags))*int64(o.Frags) > maxData:
		return fmt.Errorf("more than %d bytes in circulation", maxData)
	}
	return nil
}

// resolve is the address in numbers.
func (o *Options) resolve(ctx context.Context, t messenger.AddrType) (messenger.EntityAddr, error) {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", o.Addr)
	if err != nil {
		return messenger.EntityAddr{}, err
	}
	ip := ips[0].Unmap()
	for _, other := range ips {
		if other.Unmap().Is4() { // which every provider can reach
			ip = other.Unmap()
			break
		}
	}
	return messenger.EntityAddr{Type: t, Addr: netip.AddrPortFrom(ip, uint16(o.Port))}, nil
}

// Config is what the messenger of a program is made with.
func Config(server bool) messenger.Config {
	r := messenger.NewRegistry()
	messages.Register(r)
	c := messenger.Config{
		Name:     messenger.EntityName{Type: messenger.EntityMon, Num: messenger.UnknownNum},
		Registry: r,
		Auth:     messenger.AuthNone{},
	}
	if server {
		c.FixedNonce = true // clients dial it without knowing one
	} else {
		c.Nonce = uint32(os.Getpid())
	}
	return c
}

// dispatcher counts messages and sends each of them back.
type dispatcher struct {
	messenger.BaseDispatcher
	o     *Options
	out   io.Writer
	count atomic.Uint64
	bytes atomic.Uint64
	ended chan struct{} // closed when no more messages go back
	reset chan struct{}
	open  chan struct{}
}

func newDispatcher(o *Options, out io.Writer) *dispatcher {
	return &dispatcher{o: o, out: out, ended: make(chan struct{}), reset: make(chan struct{}, 1), open: make(chan struct{}, 1)}
}

func (d *dispatcher) CanFastDispatchAny() bool               { return d.o.Fast }
func (d *dispatcher) CanFastDispatch(messenger.Message) bool { return d.o.Fast }
func (d *dispatcher) FastDispatch(m messenger.Message)       { d.Dispatch(m) }

// Dispatch sends the very message back on the connection it came from.
func (d *dispatcher) Dispatch(m messenger.Message) bool {
	b := m.Base()
	d.bytes.Add(uint64(b.DataLen()))
	if n := d.count.Add(1); n%every == 0 {
		fmt.Fprintf(d.out, "%d messages, %d ns\n", n, time.Now().UnixNano())
	}
	select {
	case <-d.ended:
		b.Release()
	default:
		_ = b.Connection().Send(m) // a queue that is full ends its journey
	}
	return true
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (d *dispatcher) HandleConnect(messenger.Connection) { notify(d.open) }

func (d *dispatcher) HandleReset(messenger.Connection) bool {
	notify(d.reset)
	return true
}

func (d *dispatcher) HandleRefused(c messenger.Connection) bool {
	notify(d.reset)
	return true
}

// Serve binds a messenger that has not been started, and serves until ctx ends. ready,
// if not nil, gets the addresses.
func Serve(ctx context.Context, m messenger.Messenger, o Options, out io.Writer, ready func(messenger.AddrVec)) error {
	defer end(m)
	if err := o.check(); err != nil {
		return err
	}
	addr, err := o.resolve(ctx, m.AddrType())
	if err != nil {
		return err
	}
	d := newDispatcher(&o, out)
	if err := m.SetDefaultPolicy(messenger.StatelessServer()); err != nil {
		return err
	}
	m.AddDispatcherHead(d)
	if err := m.Bind(addr); err != nil {
		return err
	}
	if err := m.Start(); err != nil {
		return err
	}
	fmt.Fprintf(out, "listening at %v\n", m.Addrs()[0])
	if ready != nil {
		ready(m.Addrs())
	}
	<-ctx.Done()
	fmt.Fprintf(out, "%d messages, %d bytes of data\n", d.count.Load(), d.bytes.Load())
	return nil
}

// end ends a messenger.
func end(m messenger.Messenger) {
	m.Shutdown()
	m.Wait()
}

// Result is what a client has counted.
type Result struct {
	RoundTrips uint64
	Bytes      uint64 // of data that came back
	Elapsed    time.Duration
}

// Rate is round trips a second.
func (r Result) Rate() float64 { return float64(r.RoundTrips) / r.Elapsed.Seconds() }

// Buffers makes a piece of memory for data that messages are sent from; nil stands for
// Go memory.
type Buffers func(ctx context.Context, size int) (messenger.Buffer, error)

// Circulate starts a messenger, sends messages to a server, and lets them circulate
// until ctx or the duration ends.
func Circulate(ctx context.Context, m messenger.Messenger, o Options, from Buffers, out io.Writer) (Result, error) {
	defer end(m)
	if err := o.check(); err != nil {
		return Result{}, err
	}
	addr, err := o.resolve(ctx, m.AddrType())
	if err != nil {
		return Result{}, err
	}
	d := newDispatcher(&o, out)
	if err := m.SetDefaultPolicy(messenger.LossyClient()); err != nil {
		return Result{}, err
	}
	m.AddDispatcherHead(d)
	if err := m.Start(); err != nil {
		return Result{}, err
	}
	c, err := m.ConnectTo(messenger.EntityMon, messenger.AddrVec{addr})
	if err != nil {
		return Result{}, err
	}
	select {
	case <-d.open:
	case <-d.reset:
		return Result{}, fmt.Errorf("%v: %w", addr, c.Err())
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	fmt.Fprintf(out, "connected to %v\n", addr)
	begin := time.Now()
	for i := range o.Msgs {
		msg, err := ping(ctx, &o, from, i)
		if err != nil {
			return Result{}, err
		}
		if err := c.Send(msg); err != nil {
			return Result{}, err
		}
	}
	var over <-chan time.Time
	if o.Duration > 0 {
		t := time.NewTimer(o.Duration)
		defer t.Stop()
		over = t.C
	}
	select {
	case <-over:
	case <-ctx.Done():
	case <-d.reset:
		err = fmt.Errorf("%v: %w", addr, c.Err())
	}
	close(d.ended)
	r := Result{d.count.Load(), d.bytes.Load(), time.Since(begin)}
	fmt.Fprintf(out, "%d round trips in %s s, %.0f a second, %.1f MB/s of data each way\n", r.RoundTrips,
		strconv.FormatFloat(r.Elapsed.Seconds(), 'f', 3, 64), r.Rate(), float64(r.Bytes)/r.Elapsed.Seconds()/1e6)
	return r, err
}

// ping is the i-th message.
func ping(ctx context.Context, o *Options, from Buffers, i int) (messenger.Message, error) {
	if o.Size == 0 {
		return messages.NewPing(), nil
	}
	const tag = "data ping"
	m := messages.NewDataPing(tag, uint32(i))
	for f := range o.Frags {
		size := messages.FragmentSize(o.Size, o.Frags)
		var b messenger.Buffer = messenger.BytesBuffer(make([]byte, size))
		if from != nil {
			var err error
			if b, err = from(ctx, size); err != nil {
				return nil, err
			}
		}
		messages.FillFragment(b.Bytes(), tag, uint32(i), uint32(f))
		m.AddBuffer(b)
	}
	return m, nil
}
