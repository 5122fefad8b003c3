//go:build race || xiodebug

package xio

// debugBuild makes misuse of released messages loud at the price of allocations.
const debugBuild = true
