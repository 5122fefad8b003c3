// SPDX-License-Identifier: Apache-2.0

package measure

import "fmt"

// Limits are what a value shall reach. Zero is no demand.
type Limits struct {
	Floor float64
	Goal  float64
	Lower bool // is better
}

// Verdict says what v has reached: "goal", "floor", "MISSED", or "-" where
// nothing is demanded that it has reached.
func (l Limits) Verdict(v float64) string {
	meets := func(limit float64) bool {
		if l.Lower {
			return v <= limit
		}
		return v >= limit
	}
	switch {
	case l.Floor != 0 && !meets(l.Floor):
		return "MISSED"
	case l.Goal != 0 && meets(l.Goal):
		return "goal"
	case l.Floor != 0:
		return "floor"
	default:
		return "-"
	}
}

// Short writes v with three digits, and all of those before the point.
func Short(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
