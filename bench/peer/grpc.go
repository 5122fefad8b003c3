// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

// gRPC without protobuf: its codec interface passes the data on as it is, which
// copies nothing and can only be faster than generated messages.
type grpcCodec struct{}

func (grpcCodec) Name() string { return "bytes" }

func (grpcCodec) Marshal(v any) (mem.BufferSlice, error) {
	return v.(*grpcMessage).data, nil
}

func (grpcCodec) Unmarshal(data mem.BufferSlice, v any) error {
	data.Ref()
	v.(*grpcMessage).data = data
	return nil
}

// grpcMessage is data with a reference to it, which sending takes over.
type grpcMessage struct{ data mem.BufferSlice }

// stampOf is stampOf of data that may lie in pieces.
func (m *grpcMessage) stampOf(size int) (uint64, error) {
	n := m.data.Len()
	if n < minSize {
		return stampOf(m.data.Materialize(), size)
	}
	var ends [minSize]byte
	first, last := m.data[0].ReadOnlyData(), m.data[len(m.data)-1].ReadOnlyData()
	if len(first) < 8 || len(last) < 8 {
		return stampOf(m.data.Materialize(), size)
	}
	copy(ends[:8], first)
	copy(ends[8:], last[len(last)-8:])
	if n != size {
		return 0, errors.New("a message has the wrong size")
	}
	return stampOf(ends[:], minSize)
}

const (
	grpcUnaryMethod  = "/bench.Echo/Unary"
	grpcStreamMethod = "/bench.Echo/Stream"
	// Windows have room for everything in flight, so that flow control stops
	// nobody.
	grpcWindow = 64 << 20
	grpcIO     = 128 << 10
)

type grpcEcho struct{ m *serverMeter }

func (e *grpcEcho) unary(_ any, _ context.Context, read func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	m := new(grpcMessage)
	if err := read(m); err != nil {
		return nil, err
	}
	e.m.count(m.stampOf(e.m.size))
	return m, nil
}

func (e *grpcEcho) stream(_ any, s grpc.ServerStream) error {
	for {
		m := new(grpcMessage)
		if err := s.RecvMsg(m); err != nil {
			return nil // the client has closed its side or left
		}
		e.m.count(m.stampOf(e.m.size))
		if err := s.SendMsg(m); err != nil {
			return err
		}
	}
}

func grpcServe(m *serverMeter) (int, error) {
	e := &grpcEcho{m}
	s := grpc.NewServer(grpc.ForceServerCodecV2(grpcCodec{}),
		grpc.InitialWindowSize(grpcWindow), grpc.InitialConnWindowSize(grpcWindow),
		grpc.ReadBufferSize(grpcIO), grpc.WriteBufferSize(grpcIO),
		grpc.NumStreamWorkers(grpcWorkers))
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Echo",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: e.unary}},
		Streams:     []grpc.StreamDesc{{StreamName: "Stream", Handler: e.stream, ServerStreams: true, ClientStreams: true}},
	}, e)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	go s.Serve(l)
	return l.Addr().(*net.TCPAddr).Port, nil
}

// grpcWorkers serve without the growth of a new goroutine's stack; more requests
// than workers get goroutines as ever.
const grpcWorkers = 64

func grpcDial(o *options) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+o.addr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(grpcCodec{})), grpc.WithDisableRetry(),
		grpc.WithInitialWindowSize(grpcWindow), grpc.WithInitialConnWindowSize(grpcWindow),
		grpc.WithReadBufferSize(grpcIO), grpc.WithWriteBufferSize(grpcIO))
}

// takeGRPC verifies the answer and gives its memory back.
func (f *flow) takeGRPC(s *slot, m *grpcMessage) (more bool, err error) {
	got, err := m.stampOf(f.m.size)
	m.data.Free()
	if err != nil {
		return false, err
	}
	return f.endStamp(s, got)
}

func grpcRequest(s *slot) *grpcMessage {
	return &grpcMessage{mem.BufferSlice{mem.SliceBuffer(s.buf)}}
}

// grpcUnary calls from a goroutine for each request in flight, all on one
// connection: the only way there is.
func grpcUnary(o *options, m *meter) error {
	cc, err := grpcDial(o)
	if err != nil {
		return err
	}
	defer cc.Close()
	slots := m.slots(o.depth)
	errs := make([]error, o.depth)
	var wg sync.WaitGroup
	for i := range slots {
		f, s := m.flow(), &slots[i]
		wg.Go(func() {
			for more := true; more && errs[i] == nil; {
				f.begin(s, o.depth)
				var answer grpcMessage
				if err := cc.Invoke(context.Background(), grpcUnaryMethod, grpcRequest(s), &answer); err != nil {
					errs[i] = err
					return
				}
				more, errs[i] = f.takeGRPC(s, &answer)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// grpcStream keeps the requests in flight on one stream, which keeps their
// order. Sending only queues, so one goroutine takes the answers and sends the
// next requests.
func grpcStream(o *options, m *meter) error {
	cc, err := grpcDial(o)
	if err != nil {
		return err
	}
	defer cc.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, grpcStreamMethod)
	if err != nil {
		return err
	}
	f, slots := m.flow(), m.slots(o.depth)
	for i := range slots {
		f.begin(&slots[i], o.depth)
		if err := stream.SendMsg(grpcRequest(&slots[i])); err != nil {
			return err
		}
	}
	for i, running := 0, o.depth; running > 0; i = (i + 1) % o.depth {
		var answer grpcMessage
		if err := stream.RecvMsg(&answer); err != nil {
			return err
		}
		more, err := f.takeGRPC(&slots[i], &answer)
		if err != nil {
			return err
		}
		if !more {
			running--
			continue
		}
		f.begin(&slots[i], o.depth)
		if err := stream.SendMsg(grpcRequest(&slots[i])); err != nil {
			return err
		}
	}
	return stream.CloseSend()
}
