// SPDX-License-Identifier: Apache-2.0

//go:build race

package raio_test

func init() { buildFlags = append(buildFlags, "-race") }
