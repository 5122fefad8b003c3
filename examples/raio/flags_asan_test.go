// SPDX-License-Identifier: Apache-2.0

//go:build asan

package raio_test

func init() { buildFlags = append(buildFlags, "-asan") }
