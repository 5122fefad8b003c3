// SPDX-License-Identifier: Apache-2.0

package messenger

// Policy says what a connection promises. It is copied into a connection when that
// is made; later changes touch only later connections.
//
// Implements: Messenger::Policy
type Policy struct {
	// Lossy connections end at the first fault: what is queued is dropped, and
	// the dispatchers get a reset. The side that accepts decides for both.
	Lossy bool
	// Server connections are never opened from this side. A message for one
	// without a live session waits for the peer to return.
	Server bool
	// Standby connections with nothing to send wait after a fault, instead of
	// opening again at once.
	Standby bool
	// ResetCheck answers a peer whose session is not known with a reset, and
	// takes a peer that knows none for one that has forgotten.
	ResetCheck bool

	// FeaturesSupported are those to offer. Zero means DefaultFeatures.
	FeaturesSupported Features
	// FeaturesRequired are those without which a peer is refused.
	FeaturesRequired Features

	// ThrottlerBytes and ThrottlerMessages bound what has been received and not
	// been released, over all connections that share them. They belong to the
	// caller and must outlive the messenger. Nil means no bound.
	ThrottlerBytes    *Throttle
	ThrottlerMessages *Throttle
}

// Supported is FeaturesSupported, or what zero stands for.
func (p Policy) Supported() Features {
	if p.FeaturesSupported == 0 {
		return DefaultFeatures
	}
	return p.FeaturesSupported
}

// StatefulServer is for metadata servers, toward clients.
func StatefulServer() Policy { return Policy{Server: true, Standby: true, ResetCheck: true} }

// StatelessServer is for monitors and storage daemons, toward clients.
func StatelessServer() Policy { return Policy{Lossy: true, Server: true} }

// LosslessPeer is for storage daemons among each other.
func LosslessPeer() Policy { return Policy{Standby: true} }

// LosslessPeerReuse is for monitors among each other.
func LosslessPeerReuse() Policy { return Policy{Standby: true, ResetCheck: true} }

// LossyClient is for clients of monitors and storage daemons.
func LossyClient() Policy { return Policy{Lossy: true} }

// LosslessClient is for clients of metadata servers.
func LosslessClient() Policy { return Policy{ResetCheck: true} }
