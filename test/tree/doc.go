// SPDX-License-Identifier: Apache-2.0

// Package tree holds what the source tree promises of itself, as tests: that the
// tests which docs/features.md and commands in other pages name exist, that links lead
// somewhere, that every folder has its place in docs/architecture.md, that the guide's
// code compiles and the README's figures are those of bench/results, that versions agree,
// that the hosted workflow has all stages of .ci/run, that every package with tests looks
// for goroutines left behind, and that the page about messengers names a test for each
// case, requirement and promise. It reads the tree; it runs nothing of it.
package tree
