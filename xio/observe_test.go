package xio

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// notes is an Observer and Tracer that writes down what it is told.
type notes struct {
	mu   sync.Mutex
	list []string
}

func (n *notes) note(format string, args ...any) {
	n.mu.Lock()
	n.list = append(n.list, fmt.Sprintf(format, args...))
	n.mu.Unlock()
}

func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.list
	n.list = nil
	return l
}

func (n *notes) count() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.list)
}

func (n *notes) MessageSent(i MessageInfo)   { n.info("sent", i) }
func (n *notes) MessageServed(i MessageInfo) { n.info("served", i) }

func (n *notes) info(what string, i MessageInfo) {
	code := "ok"
	if i.Err != nil {
		code = CodeOf(i.Err).String()
	}
	if i.Latency < 0 || i.Latency > patience {
		code += " latency " + i.Latency.String()
	}
	n.note("%s oneway=%v out=%d in=%d %s", what, i.OneWay, i.BytesOut, i.BytesIn, code)
}

type traceKey struct{}

func (n *notes) StartSend(ctx context.Context, s Sending) ([]byte, func(error)) {
	what := "call"
	if s.OneWay {
		what = "one-way"
	}
	n.note("%s begins %v %d", what, ctx.Value(traceKey{}), s.Message.Len())
	return s.Message.Header, func(err error) { n.note("%s ends %v", what, err != nil) }
}

func (n *notes) StartServe(ctx context.Context, in Served) (context.Context, func(error)) {
	n.note("serve begins %d", in.Len())
	return context.WithValue(ctx, traceKey{}, "server"), func(err error) { n.note("serve ends %v", err != nil) }
}

func TestObserverAndTracer(t *testing.T) {
	leakCheck(t)
	var here, there notes
	s := listen(t, ListenConfig{Observer: &there, Tracer: &there, Inline: true, OnMsg: func(*OneWay) {}}, HandlerFunc(func(r *Request) {
		if r.Context().Value(traceKey{}) != "server" {
			r.ReplyError(ErrState, "no value")
			return
		}
		if r.Len() == 0 {
			r.ReplyError(ErrRoute, "")
			return
		}
		echo(r)
	}))
	c := dial(t, Dialer{Observer: &here, Tracer: &here}, s)
	ctx := context.WithValue(testContext(t), traceKey{}, "client")

	rsp, err := c.Call(ctx, &Message{Header: []byte("hh"), Data: make([]byte, 10)})
	require.NoError(t, err)
	rsp.Release()
	assert.Equal(t, []string{"call begins client 10", "sent oneway=false out=12 in=12 ok", "call ends false"}, here.take())
	assert.Equal(t, []string{"serve begins 10", "served oneway=false out=12 in=12 ok", "serve ends false"}, there.take())

	_, err = c.Call(ctx, &Message{})
	require.ErrorIs(t, err, ErrRoute)
	assert.Equal(t, []string{"call begins client 0", "sent oneway=false out=0 in=12 " + ErrRoute.String(), "call ends true"}, here.take())
	assert.Equal(t, []string{"serve begins 0", "served oneway=false out=12 in=0 " + ErrRoute.String(), "serve ends true"}, there.take())

	require.NoError(t, c.Deliver(ctx, &Message{Data: make([]byte, 20000)}))
	assert.Equal(t, []string{"one-way begins client 20000", "sent oneway=true out=20000 in=0 ok", "one-way ends false"}, here.take())
	eventually(t, "served", func() bool { return there.count() == 3 })
	assert.Equal(t, []string{"serve begins 20000", "served oneway=true out=0 in=20000 ok", "serve ends false"}, there.take())

	ended := make(chan struct{})
	require.NoError(t, c.Send(ctx, &Message{Data: make([]byte, 1)}, func(r *Response, err error) { r.Release(); close(ended) }))
	<-ended
	assert.Equal(t, []string{"call begins client 1", "sent oneway=false out=1 in=1 ok", "call ends false"}, here.take())

	// A batch is counted when all of it has been handled.
	eventually(t, "the last answer counted", func() bool { return c.Stats().BytesIn == 12+12+1 })
	st := c.Stats()
	assert.EqualValues(t, 12+0+20000+1, st.BytesOut)
	assert.EqualValues(t, 2, st.Latency.Count)
	assert.Positive(t, st.Latency.Mean())
	assert.GreaterOrEqual(t, st.Latency.Max, st.Latency.Mean())
	assert.EqualValues(t, 4, st.Sent)
	eventually(t, "the server counts the same", func() bool {
		theirs := s.Connections()[0].Stats()
		return theirs.BytesIn == st.BytesOut && theirs.BytesOut == st.BytesIn
	})
}

// A caller that leaves ends its trace, once, and the late answer is counted.
func TestTraceOfAnAbandonedCall(t *testing.T) {
	leakCheck(t)
	var here notes
	begun, release := make(chan struct{}), make(chan struct{})
	s := listen(t, ListenConfig{}, HandlerFunc(func(r *Request) { close(begun); <-release; echo(r) }))
	c := dial(t, Dialer{Observer: &here, Tracer: &here}, s)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-begun
		cancel()
	}()
	_, err := c.Call(ctx, &Message{Data: []byte("x")})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, []string{"call begins <nil> 1", "call ends true"}, here.take())
	close(release)
	eventually(t, "the late answer", func() bool { return c.Stats().InFlight == 0 })
	assert.Equal(t, []string{"sent oneway=false out=1 in=1 ok"}, here.take())
}
