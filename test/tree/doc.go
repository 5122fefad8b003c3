// SPDX-License-Identifier: Apache-2.0

// Package tree holds what the source tree promises of itself, as tests: that the
// tests which docs/features.md names exist, and that every package with tests looks
// for goroutines left behind. It reads the tree; it runs nothing of it.
package tree
