package profiles

import "strings"

// didYouMean is " (did you mean x?)" where one of the words is near to what was written, else "".
func didYouMean(written string, words []string) string {
	best, least := "", len(written)/3+1
	for _, word := range words {
		if d := distance(strings.ToLower(written), strings.ToLower(word), least); d <= least && (best == "" || d < least) {
			best, least = word, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}

// distance is how many letters must be put in, taken out or changed. Beyond atMost it is only more than atMost.
func distance(a, b string, atMost int) int {
	if len(a) > 64 || len(b) > 64 || len(a)-len(b) > atMost || len(b)-len(a) > atMost {
		return atMost + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
