// SPDX-License-Identifier: Apache-2.0

package app

import "flag"

// Flags registers flags with a short and a long name, as getopt_long's.
type Flags struct{ *flag.FlagSet }

// Text registers a flag for a string.
func (f Flags) Text(p *string, short, long, value, usage string) {
	f.StringVar(p, short, value, usage)
	f.StringVar(p, long, value, "the same as -"+short)
}

// Number registers a flag for a number.
func (f Flags) Number(p *int, short, long string, value int, usage string) {
	f.IntVar(p, short, value, usage)
	f.IntVar(p, long, value, "the same as -"+short)
}

// Yes registers a flag that is given or not.
func (f Flags) Yes(p *bool, short, long, usage string) {
	f.BoolVar(p, short, false, usage)
	f.BoolVar(p, long, false, "the same as -"+short)
}
