// SPDX-License-Identifier: Apache-2.0

package messenger

// CephProtocolVersion is the version of the protocol that an entity of type self
// speaks when it connects to one of type peer: an internal number among entities of
// one type, otherwise the public number of the type that is connected to.
//
// Implements: CEPH_OSDC_PROTOCOL, CEPH_MDSC_PROTOCOL, CEPH_MONC_PROTOCOL and their
// internal counterparts
func CephProtocolVersion(self, peer EntityType) uint32 {
	if self == peer {
		switch peer {
		case EntityMon:
			return 13
		case EntityOSD:
			return 10
		case EntityMDS:
			return 27
		}
		return 0
	}
	switch peer {
	case EntityMon:
		return 15
	case EntityOSD:
		return 24
	case EntityMDS:
		return 32
	}
	return 0
}
