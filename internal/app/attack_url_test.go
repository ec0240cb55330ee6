package app

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// There is one spelling of each path: what stands before besra and lets some paths through is not talked round.
func TestAnotherSpellingOfAPathIsAnotherPath(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for target, want := range map[string]int{
		"/livez":                         200,
		"/livez?a=b":                     200,
		"http://localhost/livez":         200, // the absolute form, which proxies use
		"http://192.0.2.1:1/livez":       200,
		"/%6civez":                       404,
		"/%4c%49%56%45%5a":               404,
		"/livez%00":                      404,
		"/livez%20":                      404,
		"/livez%0d%0aX:y":                404,
		"/livez%2f":                      404,
		"%2flivez":                       400,
		"/LIVEZ":                         404,
		"/livez/":                        404,
		"/livez/.":                       404,
		"/livez/x/..":                    404,
		"/./livez":                       404,
		"/../livez":                      404,
		"/x/../livez":                    404,
		"/%2e/livez":                     404,
		"/%2e%2e/livez":                  404,
		"/%252e%252e/livez":              404,
		"//livez":                        404,
		"///livez":                       404,
		"/livez;a=b":                     404,
		"/;/livez":                       404,
		"/livez#a":                       404,
		"/livez%23":                      404,
		"/livez%3fa=b":                   404,
		"/livez\\":                       404,
		"\\livez":                        400,
		"livez":                          400,
		"*":                              404,
		"/%zz":                           400,
		"/%":                             400,
		"/livez\xff":                     404,
		"/%c0%afivez":                    404, // an overlong slash
		"/\uff0flivez":                   404,
		"//besra/livez":                  404,
		"ftp://localhost/livez":          200, // a scheme chooses nothing
		"http:///livez":                  200, // nor does a host
		"http://localhost":               404,
		"http://a b/livez":               400,
		"/v1/models/fraud":               200,
		"/v1/models/fraud@1":             200,
		"/v1/models/fraud%401":           200, // a name may be escaped
		"/v1/models/%66raud":             200,
		"/v1/%6dodels/fraud":             404,
		"/v1/models%2ffraud":             404,
		"/v1/models/x%2f..%2ffraud":      404,
		"/v1/models/fraud%2f":            404,
		"/v1/models/fraud%00":            404,
		"/v1/models/fraud/../fraud":      404,
		"/" + strings.Repeat("a/", 5000): 404,
		"/" + strings.Repeat("%2e", 5e3): 404,
		"/" + strings.Repeat("a", 1<<20): 431,
	} {
		t.Run(fmt.Sprintf("%.40s", target), func(t *testing.T) {
			w := dial(t, s)
			_, _ = io.WriteString(w, "GET "+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n") // it may be hung up on before its end
			resp, body := w.answer()
			if resp.StatusCode != want || want >= 400 && len(body) > 1000 {
				t.Errorf("%d, %d bytes: %.300s; want %d", resp.StatusCode, len(body), body, want)
			}
			if resp.StatusCode >= 300 && resp.StatusCode < 400 || resp.Header.Get("Location") != "" {
				t.Error("it is redirected")
			}
		})
	}
	s.scores()
}

// No method does what it is not for: none tunnels, echoes or lists.
func TestMethodsThatDoMoreThanTheyShould(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for line, want := range map[string]int{
		"CONNECT localhost:443":   404,
		"CONNECT /livez":          405,
		"CONNECT 127.0.0.1:22":    404,
		"OPTIONS *":               404,
		"OPTIONS /v1/score":       405,
		"TRACE /livez":            405,
		"TRACE /v1/score":         405,
		"PROPFIND /v1/models":     405,
		"DELETE /v1/models":       405,
		"get /livez":              405,
		"GET* /livez":             405,
		"HEAD /livez":             200,
		"PRI *":                   404,
		"X-HTTP-Method /v1/score": 405,
	} {
		t.Run(line, func(t *testing.T) {
			w := dial(t, s)
			const secret = "X-Secret: 4711\r\nX-HTTP-Method-Override: POST\r\n"
			w.send(line + " HTTP/1.1\r\nHost: localhost\r\n" + secret + "\r\n")
			r := &http.Request{Method: strings.Fields(line)[0]}
			resp, err := http.ReadResponse(w.r, r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if r.Method == http.MethodConnect {
				err = nil
			}
			if err != nil || resp.StatusCode != want || strings.Contains(string(body), "4711") {
				t.Errorf("%d %s, %v; want %d", resp.StatusCode, body, err, want)
			}
		})
	}
}
