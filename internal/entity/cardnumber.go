package entity

// LooksLikeCardNumber reports whether the digits of value, spaces and dashes aside, could be a payment card's
// number: 13 to 19 of them, with a right check digit (Luhn, ISO/IEC 7812-1), and nothing else around them.
func LooksLikeCardNumber(value []byte) bool {
	if len(value) < 13 || len(value) > 37 {
		return false
	}
	digits, sum := 0, 0
	double := false
	for i := len(value) - 1; i >= 0; i-- {
		c := value[i]
		if c == ' ' || c == '-' {
			continue
		}
		if c < '0' || c > '9' {
			return false
		}
		d := int(c - '0')
		if double {
			d *= 2
			if d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
		digits++
	}
	return digits >= 13 && digits <= 19 && sum%10 == 0
}
