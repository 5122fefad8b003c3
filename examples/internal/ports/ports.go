// SPDX-License-Identifier: Apache-2.0

// Package ports finds ports for C programs in tests, which want to be told theirs.
package ports

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Free is the first of n ports in a row that nobody uses, outside of those that the
// kernel picks. It ends the test when there are none.
func Free(t testing.TB, n int) int {
	t.Helper()
	for range 1000 {
		port := 20000 + rand.IntN(10000)
		free := 0
		for ; free < n; free++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+free))
			if err != nil {
				break
			}
			l.Close()
		}
		if free == n {
			return port
		}
	}
	t.Fatal("there are no free ports")
	return 0
}
