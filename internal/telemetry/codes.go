package telemetry

import "strconv"

// codes is the closed set of HTTP statuses that are told apart. Any other counts as "other".
type codes struct {
	labels []string
	byCode [600]uint8 // 0, the index of "other", where a status is not listed
}

func newCodes() codes {
	c := codes{labels: []string{"other"}}
	for _, status := range []int{
		200, 400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 499, 500, 503, 504,
	} {
		c.byCode[status] = uint8(len(c.labels))
		c.labels = append(c.labels, strconv.Itoa(status))
	}
	return c
}

func (c *codes) index(status int) int {
	if uint(status) >= uint(len(c.byCode)) {
		return 0
	}
	return int(c.byCode[status])
}
