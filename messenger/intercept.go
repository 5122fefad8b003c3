// SPDX-License-Identifier: Apache-2.0

package messenger

import "context"

// Step names a place on the way of a connection where a test can interfere.
type Step int

// Steps, each on the side that is about to do it.
const (
	StepDial          Step = iota + 1 // connecting: before the transport connects
	StepBeforeBanner                  // both: before the first bytes are sent
	StepBeforeConnect                 // connecting: before it says what it wants
	StepBeforeReply                   // accepting: before it answers
	StepBeforeSeq                     // connecting: before it tells its sequence number
	StepReady                         // both: before messages flow
	StepSendMessage                   // both: before a message is handed to the transport
	StepReceive                       // both: before a message that arrived is looked at
	StepFault                         // both: before a lost link is dealt with
	StepRegistered                    // connecting: peers can find the connection, and no attempt has begun
)

var stepNames = [...]string{
	StepDial:          "dial",
	StepBeforeBanner:  "before banner",
	StepBeforeConnect: "before connect",
	StepBeforeReply:   "before reply",
	StepBeforeSeq:     "before seq",
	StepReady:         "ready",
	StepSendMessage:   "send message",
	StepReceive:       "receive",
	StepFault:         "fault",
	StepRegistered:    "registered",
}

// String names the step.
func (s Step) String() string {
	if s > 0 && int(s) < len(stepNames) {
		return stepNames[s]
	}
	return "unknown step"
}

// Point is a place that an Interceptor is called at.
type Point struct {
	Step Step
	// Messenger is the messenger at work.
	Messenger Messenger
	// Conn is the connection, nil where an accepting side has none yet.
	Conn Connection
	// Peer is the other side's address, as far as it is known.
	Peer EntityAddr
	// Accepting says that this is the side that is connected to.
	Accepting bool
}

// Interceptor is called at every step of every connection of a messenger that has
// one. It pauses the step by not returning until it likes to, or until ctx ends; an
// error makes the step fail as a broken link would. It may be called by several
// goroutines at once.
type Interceptor interface {
	Intercept(ctx context.Context, p Point) error
}

// Injector is asked before every operation on a transport's socket, or what stands
// for it, of a messenger that has one. An error breaks the link; it may also wait,
// up to ctx's end. It may be called by several goroutines at once.
type Injector interface {
	SocketOp(ctx context.Context) error
}
