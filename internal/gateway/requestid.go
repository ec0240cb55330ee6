package gateway

import (
	"math/rand/v2"
	"net/http"
)

// setRequestID gives the answer the request's X-Request-Id, or a new one when that is none to repeat, and returns it.
func setRequestID(w http.ResponseWriter, r *http.Request) string {
	id, ok := r.Header["X-Request-Id"]
	if !ok || len(id) != 1 || !visible(id[0]) {
		id = []string{newRequestID()}
	}
	w.Header()["X-Request-Id"] = id
	return id[0]
}

// visible reports whether s is 1 to 128 visible ASCII bytes.
func visible[S string | []byte](s S) bool {
	if len(s) < 1 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// newRequestID returns 64 random bits in hexadecimal: they tell log lines apart and guard nothing.
func newRequestID() string {
	var b [16]byte
	n := rand.Uint64()
	for i := range b {
		b[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
	return string(b[:])
}
