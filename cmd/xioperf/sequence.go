// SPDX-License-Identifier: Apache-2.0

package main

// maxGap is how far a number may run ahead of the next one expected. More can
// only be a damaged number, for it is more than fits in flight.
const maxGap = 1 << 16

// arrival is how a number fits into its sequence.
type arrival int

const (
	arrivedFirst  arrival = iota // in order, or before some that are missing
	arrivedLate                  // after a later one
	arrivedAgain                 // a second time
	arrivedTooFar                // impossibly far ahead
)

// sequence follows which numbers, from 0, have arrived. One goroutine at a time.
type sequence struct {
	next    uint64
	missing map[uint64]struct{} // below next
}

func (s *sequence) arrive(n uint64) arrival {
	if n >= s.next {
		if n-s.next > maxGap {
			return arrivedTooFar
		}
		s.expect(n)
		s.next++
		return arrivedFirst
	}
	if _, ok := s.missing[n]; ok {
		delete(s.missing, n)
		return arrivedLate
	}
	return arrivedAgain
}

// expect says that all below n should have arrived.
func (s *sequence) expect(n uint64) {
	for ; s.next < n; s.next++ {
		if s.missing == nil {
			s.missing = map[uint64]struct{}{}
		}
		s.missing[s.next] = struct{}{}
	}
}

// lost is how many of the first sent numbers have not arrived.
func (s *sequence) lost(sent uint64) uint64 {
	n := uint64(len(s.missing))
	if sent > s.next {
		n += sent - s.next
	}
	return n
}
