// SPDX-License-Identifier: Apache-2.0

package v1

import "strconv"

// Tag says what follows it on the wire, or how a connect was answered.
//
// Implements: CEPH_MSGR_TAG_*
type Tag uint8

// Tags. Those of a [ConnectReply] and those of the stream share their numbers.
const (
	TagReady               Tag = 1  // reply: the session is open
	TagResetSession        Tag = 2  // reply: there is no such session
	TagWait                Tag = 3  // reply: the acceptor's own connect goes ahead
	TagRetrySession        Tag = 4  // reply: again with this connect_seq
	TagRetryGlobal         Tag = 5  // reply: again with a global_seq above this
	TagClose               Tag = 6  // stream
	TagMsg                 Tag = 7  // stream: header, sections, footer
	TagAck                 Tag = 8  // stream: 64 bits
	TagKeepalive           Tag = 9  // stream
	TagBadProtoVer         Tag = 10 // reply
	TagBadAuthorizer       Tag = 11 // reply
	TagFeatures            Tag = 12 // reply
	TagSeq                 Tag = 13 // reply: as ready, then each side tells its in_seq
	TagKeepalive2          Tag = 14 // stream: a time
	TagKeepalive2Ack       Tag = 15 // stream: the same time
	TagChallengeAuthorizer Tag = 16 // reply: again with an answer to this
)

var tagNames = [...]string{
	TagReady:               "READY",
	TagResetSession:        "RESETSESSION",
	TagWait:                "WAIT",
	TagRetrySession:        "RETRY_SESSION",
	TagRetryGlobal:         "RETRY_GLOBAL",
	TagClose:               "CLOSE",
	TagMsg:                 "MSG",
	TagAck:                 "ACK",
	TagKeepalive:           "KEEPALIVE",
	TagBadProtoVer:         "BADPROTOVER",
	TagBadAuthorizer:       "BADAUTHORIZER",
	TagFeatures:            "FEATURES",
	TagSeq:                 "SEQ",
	TagKeepalive2:          "KEEPALIVE2",
	TagKeepalive2Ack:       "KEEPALIVE2_ACK",
	TagChallengeAuthorizer: "CHALLENGE_AUTHORIZER",
}

// String is the name of the tag.
func (t Tag) String() string {
	if int(t) < len(tagNames) && tagNames[t] != "" {
		return tagNames[t]
	}
	return "tag " + strconv.Itoa(int(t))
}

// InStream says that the tag may begin a frame of the stream.
func (t Tag) InStream() bool {
	switch t {
	case TagClose, TagMsg, TagAck, TagKeepalive, TagKeepalive2, TagKeepalive2Ack:
		return true
	}
	return false
}

// Body is how many bytes follow the tag in the stream before anything has to be
// decided: a message's header, a number, or a time.
func (t Tag) Body() int {
	switch t {
	case TagMsg:
		return headerLen
	case TagAck, TagKeepalive2, TagKeepalive2Ack:
		return 8
	}
	return 0
}
