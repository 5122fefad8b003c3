// SPDX-License-Identifier: Apache-2.0

package messenger

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// CRC32C continues a sum as Ceph makes it: CRC-32C with neither initial nor final
// inversion. The seed of a new sum is 0, and the sum of nothing is the seed.
func CRC32C(seed uint32, p []byte) uint32 { return ^crc32.Update(^seed, castagnoli, p) }
