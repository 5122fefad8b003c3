// SPDX-License-Identifier: Apache-2.0

//go:build asan

package examples

func init() { buildFlags = append(buildFlags, "-asan") }
