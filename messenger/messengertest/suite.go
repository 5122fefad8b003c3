// SPDX-License-Identifier: Apache-2.0

package messengertest

import (
	"slices"
	"testing"
)

// suite is one run of all cases.
type suite struct{ Harness }

// testCase is one case of the suite. Its name begins with what it is called in
// docs/messenger.md.
type testCase struct {
	name string
	run  func(*testing.T, *suite)
}

// Run runs the conformance suite: Ceph's own cases, the requirements, and this
// project's additions.
func Run(t *testing.T, h Harness) {
	s := &suite{h}
	for _, c := range allCases() {
		t.Run(c.name, func(t *testing.T) {
			if h.Leaks != nil {
				// Cleanups run last in, first out: behind the messengers' end.
				t.Cleanup(func() { h.Leaks(t) })
			}
			c.run(t, s)
		})
	}
}

func allCases() []testCase {
	return slices.Concat(basicCases, statefulCases, raceCases, replyCases, orderCases, pathCases, boundCases,
		promiseCases, authCases, wholeCases, loadCases)
}

// Names are the names of all cases, those of [RunSeveral] included.
func Names() []string {
	var list []string
	for _, c := range allCases() {
		list = append(list, c.name)
	}
	for _, c := range severalCases {
		list = append(list, c.name)
	}
	return list
}
