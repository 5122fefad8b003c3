// SPDX-License-Identifier: Apache-2.0

package xio

// Version is the version of this module by semantic versioning. The commit of a
// release has the tag "v" + Version; between two releases Version is the next one
// with the suffix "-dev". [Engine] has the version of the library behind it, which
// goes its own way.
//
// While the first number is 0, the interface of packages xio, pool and messenger may
// change when the second one does, and does not change with the third. The file
// CHANGELOG.md lists what did.
const Version = "0.1.0-dev"
