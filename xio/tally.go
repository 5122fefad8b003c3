package xio

import "time"

// tally gathers what the driver counts about messages that follow one another on a
// connection, because the counters that others read cost more than all the rest.
// It is written to them before a goroutine goes on that could miss it, and at the
// latest with the batch.
type tally struct {
	conn           *Connection
	sent, bytesOut uint64

	answered, bytesIn uint64
	latency, longest  time.Duration

	copies, bytesCopied uint64
}

// of is the tally for conn.
func (t *tally) of(conn *Connection) *tally {
	if conn != t.conn {
		t.flush()
		t.conn = conn
	}
	return t
}

// send counts a message that is handed to the library.
func (t *tally) send(bytes int) {
	t.sent++
	t.bytesOut += uint64(bytes)
}

// answer counts a request that was answered after d.
func (t *tally) answer(d time.Duration) {
	t.answered++
	t.latency += d
	t.longest = max(t.longest, d)
}

// copied counts a copy of n bytes of payload.
func (t *tally) copied(n int) {
	if n > 0 {
		t.copies++
		t.bytesCopied += uint64(n)
	}
}

func (t *tally) flush() {
	if t.conn == nil {
		return
	}
	s := &t.conn.stats
	if t.sent > 0 {
		s.sent.Add(t.sent)
		s.bytesOut.Add(t.bytesOut)
	}
	if t.bytesIn > 0 {
		s.bytesIn.Add(t.bytesIn)
	}
	if t.answered > 0 {
		s.answered.Add(int64(t.answered))
		s.latencySum.Add(int64(t.latency))
		if int64(t.longest) > s.latencyMax.Load() {
			s.latencyMax.Store(int64(t.longest))
		}
	}
	if t.copies > 0 {
		s.addCopies(t.copies, t.bytesCopied)
	}
	*t = tally{}
}
