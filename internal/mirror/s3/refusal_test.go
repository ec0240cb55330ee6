package s3

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
)

// only has a fault befall questions that are no lists.
func only(f http.HandlerFunc) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("list-type") {
			return false
		}
		f(w, r)
		return true
	}
}

func refuses(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s3test.Refuse(w, r, status, code, message) }
}

func TestWhatCannotPassIsAnErrorAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		fault http.HandlerFunc
		want  string
		is    error
	}{
		"it is denied": {
			refuses(403, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/x is not authorized"),
			"s3://models/a: AccessDenied; the credentials' role needs s3:GetObject (403, request 4442587FB7D0A2F9)", fs.ErrPermission,
		},
		"it is gone": {
			refuses(404, "NoSuchKey", "The specified key does not exist."),
			"s3://models/a: NoSuchKey: The specified key does not exist. (404, request 4442587FB7D0A2F9)", fs.ErrNotExist,
		},
		"the bucket is gone": {
			refuses(404, "NoSuchBucket", "The specified bucket does not exist"),
			"s3://models/a: NoSuchBucket: The specified bucket does not exist; is its name right, and AWS_REGION or the endpoint? (404, request 4442587FB7D0A2F9)", nil,
		},
		"the bucket is in another region": {
			func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Amz-Bucket-Region", "us-west-2")
				s3test.Refuse(w, r, 301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.")
			},
			"s3://models/a: PermanentRedirect; the bucket is in us-west-2, and was looked for in eu-central-1: set AWS_REGION=us-west-2 (301, request 4442587FB7D0A2F9)", nil,
		},
		"the region is wrong": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(400)
				fmt.Fprint(w, "<Error><Code>AuthorizationHeaderMalformed</Code><Message>no</Message><Region>us-west-2</Region></Error>")
			},
			"s3://models/a: AuthorizationHeaderMalformed; the bucket is in us-west-2, and was looked for in eu-central-1: set AWS_REGION=us-west-2 (400, request 4442587FB7D0A2F9)", nil,
		},
		"it is sent elsewhere": {
			func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://127.0.0.1:1/login", http.StatusTemporaryRedirect)
			},
			"s3://models/a: TemporaryRedirect; what answers there sends elsewhere, and is not followed: is the endpoint right? (307, request 4442587FB7D0A2F9)", nil,
		},
		"it is in an archive": {
			refuses(403, "InvalidObjectState", "The operation is not valid for the object's storage class"),
			"s3://models/a: InvalidObjectState: The operation is not valid for the object's storage class; it is in an archive; restore it first (403, request 4442587FB7D0A2F9)", nil,
		},
		"the keys are unknown": {
			refuses(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided\n does not exist in our records."),
			"s3://models/a: InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records. (403, request 4442587FB7D0A2F9)", nil,
		},
		"it became another": {
			refuses(412, "PreconditionFailed", "no"), "s3://models/a: PreconditionFailed: no (412, request 4442587FB7D0A2F9)", mirror.ErrChanged,
		},
		"a page of a proxy": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(404)
				fmt.Fprint(w, "<html><body>Not here</body></html>")
			},
			"s3://models/a: NotFound (404, request 4442587FB7D0A2F9)", nil,
		},
		"a page without end": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(400)
				for range 100 {
					if _, err := fmt.Fprint(w, strings.Repeat("<Code>", 10_000)); err != nil {
						return
					}
				}
			},
			"s3://models/a: BadRequest (400, request 4442587FB7D0A2F9)", nil,
		},
		"a longer answer": {
			func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "content and more") },
			"s3://models/a: the answer has 16 bytes, want 7", nil,
		},
		"a longer answer in pieces": {
			func(w http.ResponseWriter, _ *http.Request) {
				w.(http.Flusher).Flush()
				fmt.Fprint(w, "content and more")
			},
			"s3://models/a: the answer has more than 7 bytes", nil,
		},
		"a part that nobody asked for": {
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206); fmt.Fprint(w, "content") },
			"s3://models/a: answers 206 to a request that wants 200: it knows no ranges", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, b := started(t)
			s.Put("models/a", "content")
			s.Break(only(c.fault))
			_, err := fetch(t, b, "a")
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("it is not %v", c.is)
			}
			if asked := s.Asked(); len(asked) != 2 {
				t.Errorf("asked %q", asked)
			}
		})
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"it is too much":        refuses(503, "SlowDown", "Please reduce your request rate."),
		"it is too slow for S3": refuses(400, "RequestTimeout", "Your socket connection to the server was not read from"),
		"something inside":      refuses(500, "InternalError", "We encountered an internal error. Please try again."),
		"a proxy":               func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) },
		"a limit":               func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
		"a connection that is lost": func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		},
		"an answer that is cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "7")
			fmt.Fprint(w, "con")
		},
		"an answer in pieces that is cut": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, "con")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"a connection that is reset": func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}
		},
		"nobody answers": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		},
		"the answer does not go on": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "7")
			fmt.Fprint(w, "con")
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(5 * time.Second):
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("and passes", func(t *testing.T) {
				s, b := started(t)
				b.patience = 10 * time.Second
				s.Put("models/a", "content")
				var n atomic.Int32
				s.Break(only(passes(&n, 2, fault, s)))
				got, err := fetch(t, b, "a")
				if err != nil || got != "content" {
					t.Errorf("got %q, %v", got, err)
				}
				// net/http tries again by itself when a connection that was used before is lost.
				if retries := b.metrics.Retries.Value(); n.Load() != 3 || retries < 1 || retries > 2 {
					t.Errorf("asked %d times, and counted %d", n.Load(), retries)
				}
			})
			t.Run("and does not pass", func(t *testing.T) {
				s, b := started(t)
				s.Put("models/a", "content")
				s.Break(only(fault))
				began := time.Now()
				_, err := fetch(t, b, "a")
				if took := time.Since(began); !errors.Is(err, mirror.ErrUnavailable) || took > 5*time.Second {
					t.Errorf("after %v: %v", took, err)
				}
				_, again := fetch(t, b, "a")
				if again == nil || again.Error() != err.Error() {
					t.Errorf("it says other things each time:\n%v\n%v", err, again)
				}
				t.Log(err)
			})
		})
	}
}

// passes has a fault befall the first few, and the server answer the others.
func passes(n *atomic.Int32, faults int32, fault http.HandlerFunc, s *s3test.Server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) <= faults {
			fault(w, r)
			return
		}
		s.Break(nil)
		s.ServeHTTP(w, r)
	}
}

func TestAServerThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	s3test.Setenv(t, "http://"+at)
	_, err = open(t, "models").List(t.Context(), "a/", 10)
	if want := "s3://models: cannot be had now, after 500ms of trying: " + at + ": dial: connect: connection refused"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWhoGivesUpIsNotHeld(t *testing.T) {
	s, b := started(t)
	b.patience = time.Hour
	s.Break(func(w http.ResponseWriter, r *http.Request) bool {
		s3test.Refuse(w, r, 503, "SlowDown", "no")
		return true
	})
	ctx, cancel := contextFor(t, 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := b.List(ctx, "", 10); !errors.Is(err, ctx.Err()) || time.Since(began) > 5*time.Second {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatIsNotWhoItSaysIsNotAskedAgain(t *testing.T) {
	h := httptest.NewTLSServer(http.NotFoundHandler())
	defer h.Close()
	h.Config.ErrorLog = log.New(io.Discard, "", 0)
	s3test.Setenv(t, h.URL)
	b := open(t, "models")
	b.patience = time.Hour
	_, err := b.List(t.Context(), "", 10)
	if err == nil || !strings.HasPrefix(err.Error(), "s3://models: "+strings.TrimPrefix(h.URL, "https://")+": x509: ") || errors.Is(err, mirror.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
