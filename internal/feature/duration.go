package feature

import (
	"fmt"
	"strconv"

	"github.com/besra-ml/besra/internal/strictyaml"
)

// Durations, in ms.
const (
	second      = 1000
	minute      = 60 * second
	hour        = 60 * minute
	day         = 24 * hour
	maxDuration = 90 * day
)

var units = [...]struct {
	suffix byte
	ms     int64
}{{'d', day}, {'h', hour}, {'m', minute}, {'s', second}}

// parseDuration reads a whole number and its unit.
func parseDuration(text string) (ms int64, ok bool) {
	if len(text) < 2 {
		return 0, false
	}
	for _, u := range units {
		if text[len(text)-1] != u.suffix {
			continue
		}
		n, err := strconv.ParseUint(text[:len(text)-1], 10, 31)
		return int64(n) * u.ms, err == nil
	}
	return 0, false
}

// formatDuration writes ms in the largest unit that keeps it whole.
func formatDuration(ms int64) string {
	for _, u := range units {
		if ms > 0 && ms%u.ms == 0 {
			return strconv.FormatInt(ms/u.ms, 10) + string(u.suffix)
		}
	}
	return fmt.Sprintf("%gs", float64(ms)/second)
}

// durationInto reads a duration of at least least.
func durationInto(p *int64, least int64) strictyaml.Reader {
	return func(n strictyaml.Node) error {
		text, err := n.Text()
		if err != nil {
			return err
		}
		ms, ok := parseDuration(text)
		if !ok || ms < least || ms > maxDuration {
			return n.Errorf("want a duration from %s to %s, such as 90s, 15m, 24h or 7d, not %.80q",
				formatDuration(least), formatDuration(maxDuration), text)
		}
		*p = ms
		return nil
	}
}
