// SPDX-License-Identifier: Apache-2.0

// Package monc is a client of Ceph's monitors: it logs in, learns the monitor map,
// subscribes to maps, and asks for statistics, versions and the answers of commands.
// It works over any messenger, and speaks with a real cluster over the one of
// package simplemessenger.
//
// A [Client] keeps one monitor at a time. When that one is lost it looks for another,
// logs in again, renews its subscriptions, and asks again what has not been answered,
// so that callers notice nothing but the time it takes.
//
// Tickets for the cluster's services are renewed before they expire, and the client's own
// by another login.
package monc
