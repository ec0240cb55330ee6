package listen

import "net/http"

// CloseAfterChunks closes an HTTP/1 connection after a request whose end others may see elsewhere than we do.
//
// A request may announce its length and be in chunks at once. net/http then believes the chunks and hides the
// length; a proxy before us that believes the length takes what follows the chunks for a part of the body, where
// we would take it for the next request: it is smuggled. As the length is hidden, every request in chunks
// is the last of its connection, and so is every one of HTTP/1.0, where net/http ignores chunks
// (RFC 9112, section 6.1 and 6.3).
func CloseAfterChunks(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0) {
			w.Header()["Connection"] = []string{"close"}
		}
		next.ServeHTTP(w, r)
	})
}
