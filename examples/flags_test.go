// SPDX-License-Identifier: Apache-2.0

package examples

// The programs are built as their tests are.
var (
	buildFlags []string
	provider   = "embedded"
)
