// SPDX-License-Identifier: Apache-2.0

package raio_test

// The programs are built as their tests are.
var buildFlags []string
