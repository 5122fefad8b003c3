// SPDX-License-Identifier: Apache-2.0

// Package module tests what a module of somebody else gets: it fetches this one into
// an empty cache, by a module proxy made of the tree, and builds on it.
package module
