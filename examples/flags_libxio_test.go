// SPDX-License-Identifier: Apache-2.0

//go:build libxio

package examples

func init() {
	buildFlags = append(buildFlags, "-tags=libxio")
	provider = "libxio"
}
