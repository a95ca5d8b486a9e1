// Package nearest finds the known word that a misspelled word probably means.
package nearest

// Find returns the candidate with the smallest distance to a word. It returns "" if each
// candidate differs too much: in more than a third of the word's letters.
func Find(word string, candidates []string) string {
	best, limit := "", Limit(word)
	for _, candidate := range candidates {
		if d := Distance(word, candidate); d <= limit {
			best, limit = candidate, d-1
		}
	}
	return best
}

// Limit returns the number of mistakes by which a word may differ from a known one: 0 for
// two letters, 1 for five, 2 for six and more.
func Limit(word string) int { return min(len([]rune(word))/3, 2) }

// Distance returns the number of mistakes between two words. A mistake is a missing, a
// superfluous or a wrong letter, or two exchanged neighbours.
func Distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, above := make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range above {
		above[j] = j
	}
	for i := range s {
		row := make([]int, len(t)+1)
		row[0] = i + 1
		for j := range t {
			cost := 1
			if s[i] == t[j] {
				cost = 0
			}
			row[j+1] = min(above[j+1]+1, row[j]+1, above[j]+cost)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above = above, row
	}
	return above[len(t)]
}
