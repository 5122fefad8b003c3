// SPDX-License-Identifier: Apache-2.0

package messenger

// Features is a set of feature bits, agreed upon when a connection opens.
type Features uint64

// Feature bits that the messengers themselves look at.
//
// Implements: CEPH_FEATURE_*
const (
	FeatureNoSrcAddr      Features = 1 << 1  // short message header
	FeatureReconnectSeq   Features = 1 << 6  // sequence numbers are exchanged at open
	FeatureMsgAuth        Features = 1 << 23 // long message footer, signatures
	FeatureKeepalive2     Features = 1 << 42 // keepalives that are answered
	FeatureMsgAddr2       Features = 1 << 59 // newer address form in payloads
	FeatureCephxV2        Features = 1 << 61 // newer signatures, challenge
	FeatureServerNautilus Features = 1<<2 | 1<<57 | 1<<28
)

// DefaultFeatures is what a messenger supports unless told otherwise.
const DefaultFeatures Features = 0x3f01cfbdfffdffff

// featuresIncarnation is the bit that old peers set for "all there are".
const featuresIncarnation Features = 1 << 63

// featuresOldAll is what that stands for.
const featuresOldAll Features = 0x1ffffffff

// Has says whether all bits of want are set.
func (f Features) Has(want Features) bool { return f&want == want }

// Normalize is f as it is meant: a peer that sets bit 63 means the oldest features.
func (f Features) Normalize() Features {
	if f&featuresIncarnation != 0 {
		return featuresOldAll
	}
	return f
}
