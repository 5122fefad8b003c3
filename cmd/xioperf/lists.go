// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// intList is a flag with several numbers: "1,16,64".
type intList struct {
	list  []int
	parse func(string) (int, error)
	text  func(int) string
}

// String implements flag.Value.
func (l *intList) String() string {
	text := make([]string, len(l.list))
	for i, n := range l.list {
		text[i] = l.text(n)
	}
	return strings.Join(text, ",")
}

// Set implements flag.Value.
func (l *intList) Set(s string) error {
	l.list = nil
	for part := range strings.SplitSeq(s, ",") {
		n, err := l.parse(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("%q is not a number", part)
		}
		l.list = append(l.list, n)
	}
	return nil
}

func (l *intList) max() int { return slices.Max(l.list) }

// parseSize reads a size in bytes: 64, 4k or 1m.
func parseSize(s string) (int, error) {
	number, shift := strings.ToLower(s), 0
	if cut, ok := strings.CutSuffix(number, "k"); ok {
		number, shift = cut, 10
	} else if cut, ok := strings.CutSuffix(number, "m"); ok {
		number, shift = cut, 20
	}
	n, err := strconv.ParseUint(number, 10, 31-shift)
	return int(n) << shift, err
}

// sizeText is a size as parseSize reads it.
func sizeText(n int) string {
	switch {
	case n > 0 && n%(1<<20) == 0:
		return strconv.Itoa(n>>20) + "m"
	case n > 0 && n%(1<<10) == 0:
		return strconv.Itoa(n>>10) + "k"
	}
	return strconv.Itoa(n)
}
