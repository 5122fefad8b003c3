// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"time"
)

// minJudged is how long a soak must be for its samples to show growth. Before,
// memory that is kept for the next message is still filling up.
const minJudged = 5 * time.Minute

// sampleRow is a sample with its time and place: a row of the CSV file.
type sampleRow struct {
	Time    string  `csv:"time"`
	Seconds float64 `csv:"seconds"` // since the start
	Process string  `csv:"process"` // client or server
	environment
	sample
	Connections uint64 `csv:"connections"` // opened so far
	Answers     uint64 `csv:"answers"`     // that the client has got
	Faults      uint64 `csv:"faults"`
}

// growth compares the median of the second tenth of the samples of something
// with that of the last tenth.
type growth struct {
	Process string  `json:"process"`
	What    string  `json:"what"`
	Early   float64 `json:"second_tenth"`
	Late    float64 `json:"last_tenth"`
	Grew    bool    `json:"grew"`
}

func (g growth) String() string {
	early, late, unit := g.Early, g.Late, ""
	if slices.Contains(memories, g.What) {
		early, late, unit = early/(1<<20), late/(1<<20), " MiB"
	}
	return fmt.Sprintf("%s %s: %.1f to %.1f%s", g.Process, g.What, early, late, unit)
}

var memories = []string{"rss", "c memory", "pool memory"}

// watched is what must not grow, and by how much it may differ beside a tenth:
// with connections that come and go, nothing ever stands quite still.
var watched = []struct {
	what  string
	value func(*sample) int64
	slack float64
}{
	{"rss", func(s *sample) int64 { return s.RSS }, 16 << 20},
	{"c memory", func(s *sample) int64 { return s.C }, 16 << 20},
	{"pool memory", func(s *sample) int64 { return s.Pool }, 16 << 20},
	{"fds", func(s *sample) int64 { return s.FDs }, 32},
	{"goroutines", func(s *sample) int64 { return s.Goroutines }, 64},
}

// judgeGrowth compares the samples of each process. It returns nothing when
// there are too few to have tenths.
func judgeGrowth(rows []sampleRow) []growth {
	var all []growth
	for _, process := range []string{"client", "server"} {
		var own []sampleRow
		for _, r := range rows {
			if r.Process == process {
				own = append(own, r)
			}
		}
		tenth := len(own) / 10
		if tenth == 0 {
			continue
		}
		for _, w := range watched {
			middle := func(part []sampleRow) float64 {
				var values []float64
				for i := range part {
					values = append(values, float64(w.value(&part[i].sample)))
				}
				return median(values)
			}
			g := growth{Process: process, What: w.what}
			g.Early = middle(own[tenth : 2*tenth])
			g.Late = middle(own[len(own)-tenth:])
			g.Grew = g.Late > g.Early*1.1+w.slack
			all = append(all, g)
		}
	}
	return all
}
