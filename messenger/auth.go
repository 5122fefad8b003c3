// SPDX-License-Identifier: Apache-2.0

package messenger

// Authorizer protocols.
//
// Implements: CEPH_AUTH_*
const (
	AuthProtocolUnknown uint32 = 0 // no authorizer at all
	AuthProtocolNone    uint32 = 1
	AuthProtocolCephx   uint32 = 2
	// AuthProtocolSecret is [SharedSecret], which is this project's own.
	AuthProtocolSecret uint32 = 0x7873
)

// SignFunc makes the signature of a message from what it covers: header CRC, front
// CRC and length, middle CRC and length, data CRC and length, and the low 32 bits of
// the sequence number. It must be safe for concurrent use.
type SignFunc = func(covered *[8]uint32) uint64

// Authorizer is what the connecting side of one attempt shows to the other side. Its
// methods mention no type of this package, so that a package of authorizers need not
// import it.
type Authorizer interface {
	// Protocol says which kind it is.
	Protocol() uint32
	// Build makes the bytes to show: at first for a nil challenge, then for the
	// challenge of the other side, if it makes one.
	Build(challenge []byte) ([]byte, error)
	// Verify checks the other side's answer, which proves who that is.
	Verify(reply []byte) error
	// Signer signs and checks the messages of a session with these features,
	// after Verify. Nil leaves messages unsigned.
	Signer(features uint64) SignFunc
}

// AuthVerifier checks the authorizer of one incoming attempt.
type AuthVerifier interface {
	// Accept checks what was shown. If challenge is true, reply is the
	// challenge, and Accept is called again with what answers it. Otherwise the
	// peer is accepted, and reply is this side's answer; or err refuses it.
	Accept(authorizer []byte) (reply []byte, challenge bool, err error)
	// Signer is as in Authorizer, after the peer has been accepted.
	Signer(features uint64) SignFunc
}

// Auth makes authorizers and verifiers for a whole messenger. It is asked when no
// dispatcher has done so. Methods may be called by several goroutines at once.
type Auth interface {
	// Authorizer is as [Dispatcher.GetAuthorizer]; self is the messenger's name.
	Authorizer(self EntityName, peer EntityType, forceNew bool) Authorizer
	// Verifier is as [Dispatcher.VerifyAuthorizer]. Nil refuses the peer.
	Verifier(peer EntityType, protocol uint32) AuthVerifier
}
