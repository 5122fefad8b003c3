// SPDX-License-Identifier: Apache-2.0

package messenger

// Priorities of messages: the larger, the more urgent. 0 stands for the
// messenger's default. Below PriorityLow messages share what is left by weight.
//
// Implements: CEPH_MSG_PRIO_*
const (
	PriorityLow     = 64
	PriorityDefault = 127
	PriorityHigh    = 196
	PriorityHighest = 255
)
