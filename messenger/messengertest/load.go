// SPDX-License-Identifier: Apache-2.0

package messengertest

import "testing"

var promiseCases = []testCase{}

var loadCases = []testCase{}

var _ *testing.T
