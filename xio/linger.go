package xio

// linger tells a driver whether to look for something to do before it waits. If
// that is in vain it rests, for longer and longer; and for long where the processor
// is lost meanwhile, because others need it more.
type linger struct {
	rest int // waits before it looks again
	vain int // what rest becomes when that is in vain
	lost int // or when the processor is lost
}

const (
	lingerNS     = 50_000
	lingerMostNS = 300_000
	lingerLostNS = 1_000_000 // for a look of some microseconds

	restVain  = 64
	restLeast = 16
	restMost  = 1024
)

// due says whether to look this time.
func (l *linger) due() bool {
	if l.rest > 0 {
		l.rest--
		return false
	}
	return true
}

// learn takes note of a time of looking that ended: came says whether anything had
// come in it, lost that the processor went to others.
func (l *linger) learn(came, lost bool) {
	l.lost = max(l.lost, restLeast)
	switch {
	case lost:
		l.rest = l.lost
		l.lost = min(2*l.lost, restMost)
	case came:
		l.vain = 1
		l.lost = max(l.lost-l.lost/8, restLeast)
	default:
		l.vain = max(l.vain, 1)
		l.rest = l.vain
		l.vain = min(2*l.vain, restVain)
	}
}
