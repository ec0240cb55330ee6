package dashboard

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// policy is what a browser may do with the page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

func get(t *testing.T, h http.Handler, path string, pairs ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(pairs); i += 2 {
		r.Header.Set(pairs[i], pairs[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryPartIsServedAsWhatItIs(t *testing.T) {
	h := Handler(NewRecorder(Options{Metrics: telemetry.New(telemetry.Options{})}))
	types := map[string]string{
		"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
		"svg": "image/svg+xml", "txt": "text/plain; charset=utf-8",
	}
	n := 0
	for name, f := range files() {
		path := "/dashboard/" + name
		if name == "index.html" {
			path = "/dashboard"
		}
		r := get(t, h, path)
		plain := body(t, r)
		_, ext, _ := strings.Cut(name, ".")
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != types[ext] || plain != string(f.body) || plain == "" {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.Header.Get("Content-Type"))
		}
		tag := r.Header.Get("ETag")
		if again := get(t, h, path, "If-None-Match", tag); again.StatusCode != http.StatusNotModified || body(t, again) != "" {
			t.Errorf("%s: %d for who has it", name, again.StatusCode)
		}
		if other := get(t, h, path, "If-None-Match", `"other"`); other.StatusCode != http.StatusOK {
			t.Errorf("%s: %d for who has another", name, other.StatusCode)
		}
		packed := get(t, h, path, "Accept-Encoding", "br, gzip;q=0.8")
		if packed.Header.Get("Content-Encoding") == "gzip" {
			n++
			z, err := gzip.NewReader(packed.Body)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := io.ReadAll(z); err != nil || string(text) != plain || packed.Header.Get("ETag") == tag {
				t.Errorf("%s in gzip: %v, tag %s", name, err, packed.Header.Get("ETag"))
			}
		}
		for _, r := range []*http.Response{r, packed} {
			for header, want := range map[string]string{
				"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
				"Referrer-Policy": "no-referrer", "Cache-Control": "no-cache", "Vary": "Accept-Encoding",
			} {
				if got := r.Header.Get(header); got != want {
					t.Errorf("%s: %s is %q", name, header, got)
				}
			}
		}
	}
	if n < 10 {
		t.Errorf("%d parts come in gzip", n)
	}
	for _, refused := range []string{"gzip;q=0", "gzip; q=0.0", "identity", "", "br"} {
		if r := get(t, h, "/dashboard", "Accept-Encoding", refused); r.Header.Get("Content-Encoding") != "" {
			t.Errorf("gzip to who says %q", refused)
		}
	}
	for _, path := range []string{"/dashboard/nothing.js", "/dashboard/index.html", "/dashboard/../recorder.go", "/dashboard/"} {
		if r := get(t, h, path); r.StatusCode != http.StatusNotFound || r.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
}

// The policy forbids what is in markup; whoever puts it there finds it missing in a browser alone.
func TestThePageNeedsNothingThatItsPolicyForbids(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<[^>]*\s(style|on[a-z]+)\s*=|<style|<script(?:[^>]*src=)?>|javascript:`)
	elsewhere := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9-]+\.[a-z]`)
	script := regexp.MustCompile(`innerHTML\s*=[^=]|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\("style"`)
	for name, f := range files() {
		text := string(f.body)
		if strings.HasSuffix(name, ".html") && inline.MatchString(text) {
			t.Errorf("%s has %q", name, inline.FindString(text))
		}
		if strings.HasPrefix(name, "uplot.") {
			continue // the browser's tests see it at work
		}
		if m := script.FindString(text); strings.HasSuffix(name, ".js") && m != "" {
			t.Errorf("%s has %q", name, m)
		}
		if m := elsewhere.FindString(strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")); m != "" {
			t.Errorf("%s names %q", name, m)
		}
	}
}

// uPlot is as its authors released it: https://registry.npmjs.org/uplot/-/uplot-1.6.32.tgz, which npm knows by
// sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==.
func TestUPlotIsAsItWasReleased(t *testing.T) {
	for name, want := range map[string]string{
		"uplot.js":  "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f", // dist/uPlot.iife.min.js
		"uplot.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04", // dist/uPlot.min.css
		"uplot.txt": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd", // LICENSE
	} {
		sum := sha256.Sum256(files()[name].body)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	if head := files()["uplot.js"].body[:60]; !bytes.Contains(head, []byte("(v1.6.32)")) {
		t.Errorf("uplot.js begins with %q", head)
	}
}

// A watcher is a client of the stream.
type watcher struct {
	t      *testing.T
	res    *http.Response
	lines  *bufio.Reader
	cancel context.CancelFunc
}

func watch(t *testing.T, url string) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/dashboard/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{t, res, bufio.NewReader(res.Body), cancel}
	t.Cleanup(w.close)
	return w
}

func (w *watcher) close() {
	w.cancel()
	w.res.Body.Close()
}

// next returns the next event, and io.EOF when the stream has ended as it should.
func (w *watcher) next() (event, data string, err error) {
	for {
		line, err := w.lines.ReadString('\n')
		switch {
		case err != nil:
			return "", "", err
		case line == "\n":
			return event, data, nil
		case strings.HasPrefix(line, "event: "):
			event = strings.TrimSpace(line[len("event: "):])
		case strings.HasPrefix(line, "data: "):
			data = line[len("data: "):]
		default:
			w.t.Fatalf("%q is no line of an event", line)
		}
	}
}

func (w *watcher) wants(want string) string {
	w.t.Helper()
	event, data, err := w.next()
	if err != nil || event != want || !json.Valid([]byte(data)) {
		w.t.Fatalf("event %q, %v, %.100s; want %q", event, err, data, want)
	}
	return data
}

func serve(t *testing.T) (*Recorder, *telemetry.Metrics, string) {
	t.Helper()
	m := telemetry.New(telemetry.Options{})
	r := NewRecorder(Options{Metrics: m, Recent: telemetry.NewRecent(time.Now)})
	s := httptest.NewServer(Handler(r))
	t.Cleanup(func() {
		r.end()
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return r, m, s.URL
}

func TestWhoWatchesSeesHowThingsHaveBeenAndThenEachSecond(t *testing.T) {
	r, m, url := serve(t)
	route := m.Route("/v1/score", telemetry.NoPromise)
	at := r.at
	route.Answered(200, 0, time.Millisecond)
	r.tick(at.Add(time.Second))

	w := watch(t, url)
	for header, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "Content-Security-Policy": policy, "X-Accel-Buffering": "no",
	} {
		if got := w.res.Header.Get(header); got != want {
			t.Errorf("%s is %q", header, got)
		}
	}
	if past := w.wants("history"); strings.Count(past, `["/v1/score","200",1]`) != 1 {
		t.Errorf("history %s", past)
	}
	w.wants("told")
	route.Answered(200, 0, time.Millisecond)
	route.Answered(500, 0, time.Millisecond)
	r.tick(at.Add(2 * time.Second))
	if now := w.wants("tick"); !strings.Contains(now, `["/v1/score","200",1],["/v1/score","500",1]`) {
		t.Errorf("tick %s", now)
	}
	late := watch(t, url)
	if past := late.wants("history"); strings.Count(past, `"at":`) != 2 {
		t.Errorf("history %s", past)
	}
}

func TestNoMoreThanAFewMayWatch(t *testing.T) {
	r, _, url := serve(t)
	var all []*watcher
	for range maxViewers {
		w := watch(t, url)
		w.wants("history")
		all = append(all, w)
	}
	one := watch(t, url)
	if text := body(t, one.res); one.res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, `"overloaded"`) {
		t.Errorf("%d %s", one.res.StatusCode, text)
	}
	all[7].close()
	for begun := time.Now(); r.watching() == maxViewers; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("who has gone is still watching")
		}
	}
	watch(t, url).wants("history")
}

func (r *Recorder) watching() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.viewers)
}

func TestWhoDoesNotReadIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRecorder(Options{Metrics: telemetry.New(telemetry.Options{})})
		ctx, cancel := context.WithCancel(t.Context())
		var team sync.WaitGroup
		team.Go(func() { r.Run(ctx) })
		l := &pipes{make(chan net.Conn), make(chan struct{})}
		s := &http.Server{Handler: Handler(r), WriteTimeout: 20 * time.Second, ReadTimeout: 10 * time.Second}
		team.Go(func() { _ = s.Serve(l) })

		silent, reads := l.dial(), l.dial()
		for _, c := range []net.Conn{silent, reads} {
			if _, err := io.WriteString(c, "GET /dashboard/events HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
		var got bytes.Buffer
		team.Go(func() { _, _ = io.Copy(&got, reads) })
		synctest.Wait()
		if n := r.watching(); n != 2 {
			t.Fatalf("%d are watching", n)
		}
		time.Sleep(5 * time.Minute) // far beyond the timeouts of requests and answers
		synctest.Wait()
		if n := r.watching(); n != 1 {
			t.Errorf("%d are watching", n)
		}
		if _, err := io.Copy(io.Discard, silent); err != nil {
			t.Errorf("its connection is not closed: %v", err)
		}
		cancel()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		reads.Close()
		team.Wait()
		if n := strings.Count(got.String(), "event: tick\n"); n < 299 || n > 300 {
			t.Errorf("whoever reads got %d seconds of 300", n)
		}
		if r.watching() != 0 {
			t.Error("somebody still watches")
		}
		if _, err := r.join(); !errors.Is(err, errEnded) {
			t.Errorf("who comes later gets %v", err)
		}
	})
}

// pipes is a listener of connections that hold nothing: what is written waits until it is read.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }
