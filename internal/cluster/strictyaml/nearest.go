package strictyaml

import "strings"

// suggestion continues a message about an unknown word with the known one that was probably meant, or with all of them.
func suggestion(word string, known []string) string {
	if best, ok := Nearest(word, known); ok {
		return "; did you mean " + best + "?"
	}
	return "; known here: " + strings.Join(known, ", ")
}

// longestWord bounds the work for what a stranger sends; no key or value that we know is as long.
const longestWord = 64

// Nearest returns the known word that word is probably a slip of: at most a third of its letters differ.
func Nearest(word string, known []string) (string, bool) {
	if len(word) > longestWord {
		return "", false
	}
	best, least := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best, best != ""
}

// distance is the number of letters to change, add, drop or swap with a neighbour to make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
