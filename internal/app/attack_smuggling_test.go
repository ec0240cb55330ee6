package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// exchange sends text on a connection of its own, ends it there, and returns the status of each answer and all
// that came back.
func exchange(t *testing.T, s *server, text string) (statuses []int, all string) {
	t.Helper()
	w := dial(t, s)
	_, _ = io.WriteString(w, text) // the server may hang up before it has read it all
	_ = w.Conn.(*net.TCPConn).CloseWrite()
	raw, err := io.ReadAll(w.r)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("the server keeps the connection open, having said %q", raw)
	}
	w.Close()
	r := bufio.NewReader(strings.NewReader(string(raw)))
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return statuses, string(raw)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		statuses = append(statuses, resp.StatusCode)
	}
}

// Two that stand behind one another and read a request differently are a way in: what one takes for a body the
// other takes for a request that nobody has checked. Each of these hides one. None is answered.
func TestNoRequestHidesInAnother(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const hidden = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
	const head = "POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	row := demoRow
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(row), row)
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	inBody := length(len(row)+len(hidden)) + "\r\n" + row + hidden // one that believes the length sees no request

	for name, c := range map[string]struct {
		text string
		want []int
	}{
		// Both lengths: the chunks count, and the connection ends there.
		"a length and chunks":                   {head + length(len(chunks)+len(hidden)) + "Transfer-Encoding: chunked\r\n\r\n" + chunks + hidden, []int{200}},
		"chunks and a length":                   {head + "Transfer-Encoding: chunked\r\n" + length(4) + "\r\n" + chunks + hidden, []int{200}},
		"a length and no chunk":                 {head + length(5+len(hidden)) + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, []int{400}},
		"a length and chunks to where none are": {"POST /nothing HTTP/1.1\r\nHost: localhost\r\n" + length(5+len(hidden)) + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, []int{404}},
		"a length and chunks in a GET":          {"GET /readyz HTTP/1.1\r\nHost: localhost\r\n" + length(5+len(hidden)) + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden, []int{200}},
		"chunks of HTTP/1.0":                    {strings.Replace(head, "1.1", "1.0", 1) + "Connection: keep-alive\r\n" + length(len(row)) + "Transfer-Encoding: chunked\r\n\r\n" + row + hidden, []int{200}},
		"chunks alone":                          {head + "Transfer-Encoding: chunked\r\n\r\n" + chunks + hidden, []int{200}},

		// Encodings that only some take for chunks.
		"chunked, identity":        {head + "Transfer-Encoding: chunked, identity\r\n" + inBody, []int{501}},
		"identity, chunked":        {head + "Transfer-Encoding: identity, chunked\r\n" + inBody, []int{501}},
		"gzip, chunked":            {head + "Transfer-Encoding: gzip, chunked\r\n" + inBody, []int{501}},
		"identity":                 {head + "Transfer-Encoding: identity\r\n" + inBody, []int{501}},
		"no encoding":              {head + "Transfer-Encoding: \r\n" + inBody, []int{501}},
		"chunked twice":            {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" + inBody, []int{501}},
		"chunked and identity":     {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" + inBody, []int{501}},
		"xchunked":                 {head + "Transfer-Encoding: xchunked\r\n" + inBody, []int{501}},
		"chunked in quotes":        {head + "Transfer-Encoding: \"chunked\"\r\n" + inBody, []int{501}},
		"chunked behind a tab":     {head + "Transfer-Encoding:\tchunked\r\n" + length(4) + "\r\n" + chunks + hidden, []int{200}},
		"chunked before a tab":     {head + "Transfer-Encoding: chunked\t\r\n" + length(4) + "\r\n" + chunks + hidden, []int{200}},
		"ChunKed":                  {head + "tRANSFER-eNCODING: ChunKed\r\n" + length(4) + "\r\n" + chunks + hidden, []int{200}},
		"chunked behind a \\v":     {head + "Transfer-Encoding: \vchunked\r\n" + inBody, []int{400}},
		"chunked behind a NUL":     {head + "Transfer-Encoding: \x00chunked\r\n" + inBody, []int{400}},
		"a space before the colon": {head + "Transfer-Encoding : chunked\r\n" + inBody, []int{400}},
		"a tab before the colon":   {head + "Transfer-Encoding\t: chunked\r\n" + inBody, []int{400}},
		"a space before the name":  {head + " Transfer-Encoding: chunked\r\n" + inBody, []int{415}},
		"a folded line":            {head + "Transfer-Encoding:\r\n chunked\r\n" + inBody, []int{400}},
		"a line that is folded on": {head + "X: y\r\n Transfer-Encoding: chunked\r\n" + inBody, []int{400}},
		"a bare CR in a line":      {head + "X: y\rTransfer-Encoding: chunked\r\n" + inBody, []int{400}},

		// Lengths that some read as another number, or not at all.
		"two lengths":              {head + length(len(row)) + length(len(row)+len(hidden)) + "\r\n" + row + hidden, []int{400}},
		"two lengths in a line":    {head + fmt.Sprintf("Content-Length: %d, %d\r\n\r\n", len(row), len(row)+len(hidden)) + row + hidden, []int{400}},
		"a length with a plus":     {head + fmt.Sprintf("Content-Length: +%d\r\n\r\n", len(row)) + row + hidden, []int{400}},
		"a length with a minus":    {head + "Content-Length: -0\r\n\r\n" + row + hidden, []int{400}},
		"a hexadecimal length":     {head + fmt.Sprintf("Content-Length: 0x%x\r\n\r\n", len(row)) + row + hidden, []int{400}},
		"a length with a point":    {head + fmt.Sprintf("Content-Length: %d.0\r\n\r\n", len(row)) + row + hidden, []int{400}},
		"a length with a space":    {head + fmt.Sprintf("Content-Length: %d 0\r\n\r\n", len(row)) + row + hidden, []int{400}},
		"a length with a line":     {head + fmt.Sprintf("Content-Length: %d_0\r\n\r\n", len(row)) + row + hidden, []int{400}},
		"a length beyond 2^63":     {head + "Content-Length: 9223372036854775808\r\n\r\n" + row + hidden, []int{400}},
		"an empty length":          {head + "Content-Length:\r\n\r\n" + row + hidden, []int{400}},
		"a length of other digits": {head + "Content-Length: ٦٦\r\n\r\n" + row + hidden, []int{400}},
		"a length in a GET":        {"GET /readyz HTTP/1.1\r\nHost: localhost\r\n" + length(len(hidden)) + "\r\n" + hidden, []int{200}},
		"the body of a 404":        {"POST /nothing HTTP/1.1\r\nHost: localhost\r\n" + length(len(hidden)) + "\r\n" + hidden, []int{404}},
		"the body of a 405":        {"PUT /v1/score HTTP/1.1\r\nHost: localhost\r\n" + length(len(hidden)) + "\r\n" + hidden, []int{405}},
		"the body of a 413":        {head + length(2<<20) + "\r\n" + strings.Repeat(hidden, (2<<20)/len(hidden)), []int{413}},
		"the body of a 415":        {"POST /v1/score HTTP/1.1\r\nHost: localhost\r\n" + length(len(hidden)) + "\r\n" + hidden, []int{415}},
		"a body that is expected":  {head + "Expect: 100-continue\r\n" + length(len(hidden)) + "\r\n" + hidden, []int{100, 400}},
		"another expectation":      {head + "Expect: x\r\n" + length(len(hidden)) + "\r\n" + hidden, []int{417}},

		// Chunks that are none.
		"a chunk of 2^64":               {head + "Transfer-Encoding: chunked\r\n\r\n10000000000000042\r\n" + row + "\r\n0\r\n\r\n" + hidden, []int{400}},
		"a chunk of 2^63":               {head + "Transfer-Encoding: chunked\r\n\r\n8000000000000000\r\n" + row + "\r\n0\r\n\r\n" + hidden, []int{400}},
		"a chunk of 0x":                 {head + "Transfer-Encoding: chunked\r\n\r\n0x42\r\n" + row + "\r\n0\r\n\r\n" + hidden, []int{400}},
		"a chunk of -1":                 {head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n" + row + "\r\n0\r\n\r\n" + hidden, []int{400}},
		"a chunk that goes on":          {head + "Transfer-Encoding: chunked\r\n\r\n5\r\n" + row + "\r\n0\r\n\r\n" + hidden, []int{400}},
		"a chunk that ends by LF":       {head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Replace(chunks, "\r\n", "\n", 1) + hidden, []int{400}},
		"a chunk with an extension":     {head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Replace(chunks, "\r\n", ";a=b\r\n", 1) + hidden, []int{200}},
		"an extension with a LF":        {head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Replace(chunks, "\r\n", ";a\n0\r\n\r\n"+hidden+"\r\n", 1), []int{400}},
		"an extension without an end":   {head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Replace(chunks, "\r\n", ";"+strings.Repeat("a", 1<<20)+"\r\n", 1) + hidden, []int{400}},
		"extensions without an end":     {head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1;"+strings.Repeat("a", 1000)+"\r\n \r\n", 2000) + hidden, []int{400}},
		"a trailer that says otherwise": {head + "Trailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.TrimSuffix(chunks, "\r\n") + "Content-Length: 5\r\n\r\n" + hidden, []int{400}},
		"a trailer without an end":      {head + "Transfer-Encoding: chunked\r\n\r\n" + strings.TrimSuffix(chunks, "\r\n") + "X: " + strings.Repeat("y", 1<<20) + "\r\n\r\n" + hidden, []int{400}},

		// Request lines and hosts.
		"a space before the method":   {" GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n" + hidden, []int{400}},
		"two spaces in the line":      {"GET  /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n" + hidden, []int{400}},
		"a line that ends by LF":      {"GET /readyz HTTP/1.1\nX: / HTTP/1.1\r\nHost: localhost\r\n\r\n", []int{200}},
		"HTTP/1.2":                    {"GET /readyz HTTP/1.2\r\nHost: localhost\r\n" + length(len(hidden)) + "\r\n" + hidden, []int{200}},
		"HTTP/0.9":                    {"GET /readyz\r\n\r\n" + hidden, []int{400}},
		"no version":                  {"GET /readyz HTTP/\r\nHost: localhost\r\n\r\n" + hidden, []int{400}},
		"two hosts":                   {"GET /readyz HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n" + hidden, []int{400}},
		"a host that is none":         {"GET /readyz HTTP/1.1\r\nHost: a b\r\n\r\n" + hidden, []int{400}},
		"an upgrade":                  {"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n", []int{200}},
		"HTTP/2 without TLS":          {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden, []int{404}},
		"a method that is no word":    {"G(T /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n" + hidden, []int{400}},
		"a header without a name":     {"GET /readyz HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n" + hidden, []int{400}},
		"a header without a colon":    {"GET /readyz HTTP/1.1\r\nHost: localhost\r\nx\r\n\r\n" + hidden, []int{400}},
		"a header's name with a byte": {"GET /readyz HTTP/1.1\r\nHost: localhost\r\nContent\xc2\xadLength: 5\r\n\r\n" + hidden, []int{400}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			statuses, all := exchange(t, s, c.text)
			if !slices.Equal(statuses, c.want) {
				t.Errorf("answered %v, want %v: %.500q", statuses, c.want, all)
			}
			if strings.Contains(all, `"live":true`) {
				t.Error("the hidden request is answered")
			}
			s.scores()
		})
	}
}
