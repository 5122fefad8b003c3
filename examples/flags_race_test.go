// SPDX-License-Identifier: Apache-2.0

//go:build race

package examples

func init() { buildFlags = append(buildFlags, "-race") }
