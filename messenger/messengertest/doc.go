// SPDX-License-Identifier: Apache-2.0

// Package messengertest tests messengers: it stops them at named steps, makes their
// links fail, and runs the conformance suite and the synthetic load that every
// messenger of this project must pass.
//
//	func TestConformance(t *testing.T) {
//		messengertest.Run(t, messengertest.Harness{
//			New:  func(cfg messenger.Config) (messenger.Messenger, error) { … },
//			Bind: "xio:127.0.0.1:0",
//		})
//	}
//
// The suite knows nothing of a messenger but its interface.
//
// # Environment
//
//	MESSENGER_TEST_LONG    1: loads and repetitions in full length
//	MESSENGER_TEST_SEED    the seed of the loads, which each of them prints
package messengertest
