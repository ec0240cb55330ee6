package s3

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/besra-ml/besra/internal/mirror"
	"github.com/besra-ml/besra/internal/mirror/s3/s3test"
)

// received is a request as it came, with the headers that were signed.
type received struct {
	Method  string            `json:"method"`
	Target  string            `json:"target"`
	Headers map[string]string `json:"headers"`
	Key     string            `json:"key"`
	ID      string            `json:"id"`
	Secret  string            `json:"secret"`
	Session string            `json:"session"`
	Region  string            `json:"region"`

	signature, scope string
	signed           []string
}

var authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$`)

// Keys that are written in other ways by those who escape less, more or twice.
var awkward = []string{
	"models/fraud/3/bundle.yaml", "a b", "a+b", "a%20b", "a%2Fb", "é/ß/日本語", "!*'();:@&=$,?#[]", "~-._", `"<>{}|^` + "`", "a//b", "tab\there", "x=1&y=2",
}

// Every kind of request is signed as botocore, which shares nothing with AWS's signer for Go, signs it.
func TestRequestsAreSignedAsBotocoreSignsThem(t *testing.T) {
	python := s3test.Python(t)
	var mu sync.Mutex
	var all []received
	var key, session string
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
		if parts == nil {
			t.Errorf("Authorization %q", r.Header.Get("Authorization"))
			return
		}
		in := received{
			Method: r.Method, Target: r.RequestURI, Headers: map[string]string{"Host": r.Host}, Key: "/models/" + key,
			ID: "AKIDEXAMPLE", Secret: "secret", Session: session, Region: "eu-central-1",
			scope: parts[1], signed: strings.Split(parts[2], ";"), signature: parts[3],
		}
		for _, name := range in.signed {
			if name != "host" {
				in.Headers[http.CanonicalHeaderKey(name)] = r.Header.Get(name)
			}
		}
		for name := range r.Header { // what may change the answer must be signed
			if name = strings.ToLower(name); !slices.Contains(in.signed, name) && !slices.Contains([]string{"authorization", "user-agent"}, name) {
				t.Errorf("%s is not signed", name)
			}
		}
		if !slices.Contains(in.signed, "host") {
			t.Error("the host is not signed")
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, in)
		w.Header().Set("ETag", `"e"`)
		if r.URL.Query().Has("list-type") {
			fmt.Fprint(w, "<ListBucketResult/>")
		}
	}))
	defer h.Close()
	s3test.Setenv(t, h.URL)
	for _, session = range []string{"", "IQoJb3JpZ2luX2VjEJ3//////////wEaCXVzLWVhc3QtMSJHMEUCIQD+a/b=="} {
		t.Setenv("AWS_SESSION_TOKEN", session)
		b := open(t, "models")
		for _, key = range awkward {
			_, _ = b.Stat(t.Context(), key)
			_ = b.part(t.Context(), mirror.Object{Key: key, Size: 9, ETag: `"e"`}, new(memory), 0, 9)
			_ = b.part(t.Context(), mirror.Object{Key: key, Size: 9, ETag: `"e"`}, new(memory), 4, 3)
			prefix := key
			key = ""
			if _, err := b.page(t.Context(), prefix, ""); err != nil {
				t.Error(err)
			}
			if _, err := b.page(t.Context(), prefix, "1ueGcxLPRx1Tr/XYExHnhb+YLgveDs2J wm36Hy4vbOwM="); err != nil {
				t.Error(err)
			}
		}
	}
	if want := 2 * len(awkward) * 5; len(all) != want {
		t.Fatalf("%d requests, want %d", len(all), want)
	}
	for i, judged := range judge(t, python, all) {
		in := all[i]
		path, _, _ := strings.Cut(in.Target, "?")
		if judged.Signature != in.signature {
			t.Errorf("%s %s: signature %s, botocore's is %s", in.Method, in.Target, in.signature, judged.Signature)
		}
		if strings.TrimSuffix(judged.Path, "/") != path {
			t.Errorf("%s is asked for as %s", judged.Path, path)
		}
		if !strings.HasPrefix(in.scope, "AKIDEXAMPLE/") || !strings.HasSuffix(in.scope, "/eu-central-1/s3/aws4_request") || (in.Session != "") != slices.Contains(in.signed, "x-amz-security-token") {
			t.Errorf("%s, %s", in.scope, in.signed)
		}
	}
}

type judgement struct{ Signature, Path string }

func judge(t *testing.T, python string, all []received) []judgement {
	t.Helper()
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/judge.py")
	cmd.Stdin = bytes.NewReader(text)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	var judged []judgement
	if err := json.Unmarshal(out, &judged); err != nil || len(judged) != len(all) {
		t.Fatalf("%v: %s", err, out)
	}
	return judged
}
