# SPDX-License-Identifier: Apache-2.0
#
# The table of what test/rdma/run has run: its log in, how often each command and each
# load ran, what came of it, and how long those that passed took.

function seen(what, good, seconds) {
	if (!times[what]++)
		order[++n] = what
	if (!good)
		return
	if (!passed[what]++ || seconds < least[what])
		least[what] = seconds
	if (seconds > most[what])
		most[what] = seconds
	total[what] += seconds
}

/^=== run ended with / {
	seen("whole run", $5 == 0, $7)
	next
}

# passed   18 s  VARIABLE=VALUE... PROGRAM ARGUMENT...
$1 ~ /^(passed|FAILED|TIME)$/ && $3 == "s" {
	if ($4 == "mkdir")
		next
	for (i = 4; $i ~ /=/; i++)
		;
	what = $i
	if (what !~ /\.test$/)
		for (i++; i <= NF; i++)
			what = what " " $i
	seen(what, $1 == "passed", $2)
	next
}

# load_test.go:69: answered: requests at depth 32, 2000 in 1.0 s
/ answered: .* at depth / {
	sub(/.* answered: /, "")
	sub(/,/, "")
	seen($1 " at depth " $4, 1, $7)
	messages[$1 " at depth " $4] += $5
}

/ stalled: .* at depth / {
	sub(/.* stalled: /, "")
	sub(/,/, "")
	seen($1 " at depth " $4, 0, 0)
}

END {
	printf "\n%-46s %5s %6s %6s %9s %8s %8s %9s\n", "what", "runs", "passed", "failed", "messages", "least", "most", "total"
	for (i = 1; i <= n; i++) {
		w = order[i]
		printf "%-46s %5d %6d %6d %9s %6.0f s %6.0f s %7.0f s\n", substr(w, 1, 46), times[w], passed[w], times[w] - passed[w], messages[w], least[w], most[w], total[w]
	}
}
