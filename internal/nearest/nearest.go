// Package nearest finds the known name that a mistyped one probably meant.
package nearest

// Name returns the known name with the fewest edits from name, or "" when none is near.
func Name(name string, known []string) string {
	best, bestEdits := "", min(len(name), 24)/3+2
	for _, k := range known {
		if d := edits(name, k); d < bestEdits {
			best, bestEdits = k, d
		}
	}
	return best
}

// edits counts the single-byte insertions, deletions and replacements that turn a into b.
func edits(a, b string) int {
	const longest = 64 // names are short; what a client sends may not be
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var rows [2][longest + 1]int
	prev, next := &rows[0], &rows[1]
	for j := range len(b) + 1 {
		prev[j] = j
	}
	for i := range len(a) {
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(prev[j]+cost, prev[j+1]+1, next[j]+1)
		}
		prev, next = next, prev
	}
	return prev[len(b)]
}
