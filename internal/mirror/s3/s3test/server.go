// Package s3test has servers of S3 for tests: moto, which answers as Amazon's does, and one of our own, which keeps to the
// same rules until it is told to break them.
package s3test

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Server keeps objects in memory. Buckets are there when something is in them. It checks no signatures.
type Server struct {
	URL string

	t       testing.TB
	mu      sync.Mutex
	objects map[string][]byte // by bucket/key
	fault   func(w http.ResponseWriter, r *http.Request) (broken bool)
	asked   []string
}

// Start starts a server, which ends with the test.
func Start(t testing.TB) *Server {
	s := &Server{t: t, objects: map[string][]byte{}}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	s.URL = h.URL
	return s
}

// Environ points the tools of AWS at the server.
func Environ(url string) []string {
	return []string{
		"AWS_ENDPOINT_URL_S3=" + url, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_ENDPOINT_URL=", "AWS_SESSION_TOKEN=", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=", "AWS_DEFAULT_REGION=", "AWS_PROFILE=",
	}
}

// Setenv has the test's environment point at the server.
func Setenv(t *testing.T, url string) {
	t.Helper()
	for _, pair := range Environ(url) {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// Put puts an object, of bucket/key.
func (s *Server) Put(at, content string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[at] = []byte(content)
}

// Delete deletes an object.
func (s *Server) Delete(at string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, at)
}

// Break has f answer from now on, unless it says that it has not; nil: nothing is broken.
func (s *Server) Break(f func(w http.ResponseWriter, r *http.Request) (broken bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Asked returns what was asked since the last time: the method and the path, or LIST and the prefix.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	list := r.URL.Query().Get("list-type") == "2"
	s.mu.Lock()
	broken := s.fault
	if list {
		s.asked = append(s.asked, "LIST "+r.URL.Query().Get("prefix"))
	} else {
		s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	}
	s.mu.Unlock()
	w.Header().Set("X-Amz-Request-Id", "4442587FB7D0A2F9")
	switch {
	case broken != nil && broken(w, r):
	case r.Header.Get("Authorization") == "":
		Refuse(w, r, http.StatusForbidden, "AccessDenied", "Access Denied")
	case list:
		s.list(w, r)
	default:
		s.object(w, r)
	}
}

// Refuse answers with an error as S3 does.
func Refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>`+"\n<Error><Code>%s</Code><Message>%s</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>", code, message)
	}
}

// ETag returns the ETag of a content.
func ETag(content []byte) string {
	sum := md5.Sum(content)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// A List is an answer to ListObjectsV2.
type List struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	IsTruncated           bool
	EncodingType          string
	Contents              []Listed
	NextContinuationToken string `xml:",omitempty"`
}

// Listed is an object of a List.
type Listed struct {
	Key, ETag, StorageClass string
	Size                    int
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	bucket := strings.Trim(r.URL.Path, "/") + "/"
	query := r.URL.Query()
	var keys []string
	found := false
	for at := range s.objects {
		key, ok := strings.CutPrefix(at, bucket)
		found = found || ok
		if ok && strings.HasPrefix(key, query.Get("prefix")) && key > query.Get("continuation-token") {
			keys = append(keys, key)
		}
	}
	if !found {
		Refuse(w, r, http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
		return
	}
	slices.Sort(keys)
	l := List{EncodingType: "url"}
	if most, _ := strconv.Atoi(query.Get("max-keys")); len(keys) > most {
		keys, l.IsTruncated, l.NextContinuationToken = keys[:most], true, keys[most-1]
	}
	for _, key := range keys {
		content := s.objects[bucket+key]
		l.Contents = append(l.Contents, Listed{Key: url.QueryEscape(key), ETag: ETag(content), Size: len(content), StorageClass: "STANDARD"})
	}
	w.Header().Set("Content-Type", "application/xml")
	if err := xml.NewEncoder(w).Encode(l); err != nil {
		s.t.Error(err)
	}
}

func (s *Server) object(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	content, ok := s.objects[strings.TrimPrefix(r.URL.Path, "/")]
	s.mu.Unlock()
	if !ok {
		Refuse(w, r, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	tag := ETag(content)
	if want := r.Header.Get("If-Match"); want != "" && want != tag {
		Refuse(w, r, http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
		return
	}
	w.Header().Set("ETag", tag)
	status := http.StatusOK
	if span := r.Header.Get("Range"); span != "" {
		var from, to int
		if _, err := fmt.Sscanf(span, "bytes=%d-%d", &from, &to); err != nil || to >= len(content) || from > to {
			Refuse(w, r, http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
			return
		}
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(content)))
		content, status = content[from:to+1], http.StatusPartialContent
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // whoever has enough of it goes away
	}
}
