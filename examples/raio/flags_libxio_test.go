// SPDX-License-Identifier: Apache-2.0

//go:build libxio

package raio_test

func init() {
	buildFlags = append(buildFlags, "-tags=libxio")
}
