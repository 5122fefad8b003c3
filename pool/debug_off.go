//go:build !race && !xiodebug

package pool

// debug makes misuse of buffers loud at the price of an allocation per Get.
const debug = false
