package iam

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

// What follows is Signature Version 4 as it is published, and no code of the SDK:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

func hmacSHA256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// signingKey derives the key of a day, region and service.
func signingKey(secret, day, region, service string) []byte {
	k := hmacSHA256([]byte("AWS4"+secret), day)
	return hmacSHA256(hmacSHA256(hmacSHA256(k, region), service), "aws4_request")
}

// escaped is UriEncode: all but unreserved characters as %XY.
func escaped(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// signature signs a GET of a URL by the scope and date in its query.
func signature(u *url.URL, secret, payload string) (string, error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", err
	}
	scope := strings.Split(query.Get("X-Amz-Credential"), "/")
	if len(scope) != 5 || scope[4] != "aws4_request" {
		return "", fmt.Errorf("scope %q", scope)
	}
	var pairs []string
	for name, values := range query {
		if len(values) != 1 {
			return "", fmt.Errorf("%d of %s", len(values), name)
		}
		if name != "X-Amz-Signature" {
			pairs = append(pairs, escaped(name)+"="+escaped(values[0]))
		}
	}
	slices.Sort(pairs)
	request := strings.Join([]string{"GET", u.Path, strings.Join(pairs, "&"), "host:" + u.Host, "", "host", payload}, "\n")
	hash := sha256.Sum256([]byte(request))
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", query.Get("X-Amz-Date"), strings.Join(scope[1:], "/"), hex.EncodeToString(hash[:])}, "\n")
	return hex.EncodeToString(hmacSHA256(signingKey(secret, scope[1], scope[2], scope[3]), toSign)), nil
}

// A signed is what a token says.
type signed struct {
	Cache, User, ID, Region, Session, Resource string
	At                                         time.Time
	Life                                       time.Duration
}

// check reads a token as a server would, which finds the secret of a key.
func check(token string, secretOf func(id string) string) (signed, error) {
	u, err := url.Parse("http://" + token)
	if err != nil {
		return signed{}, err
	}
	q := u.Query()
	want, err := signature(u, secretOf(strings.Split(q.Get("X-Amz-Credential"), "/")[0]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	if err != nil {
		return signed{}, err
	}
	scope := strings.Split(q.Get("X-Amz-Credential"), "/")
	at, err := time.Parse("20060102T150405Z", q.Get("X-Amz-Date"))
	if err != nil {
		return signed{}, err
	}
	life, err := strconv.Atoi(q.Get("X-Amz-Expires"))
	switch {
	case err != nil:
		return signed{}, err
	case q.Get("X-Amz-Signature") != want:
		return signed{}, fmt.Errorf("signature %s, want %s", q.Get("X-Amz-Signature"), want)
	case q.Get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256" || q.Get("X-Amz-SignedHeaders") != "host" || q.Get("Action") != "connect":
		return signed{}, fmt.Errorf("query %v", q)
	case scope[1] != at.Format("20060102") || scope[3] != "elasticache":
		return signed{}, errors.New("another scope")
	}
	return signed{
		Cache: u.Host, User: q.Get("User"), ID: scope[0], Region: scope[2], Session: q.Get("X-Amz-Security-Token"),
		Resource: q.Get("ResourceType"), At: at, Life: time.Duration(life) * time.Second,
	}, nil
}

// The judge itself is held against examples of AWS.
func TestTheAlgorithmIsThePublishedOne(t *testing.T) {
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
	if got := hex.EncodeToString(signingKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam")); got != "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9" {
		t.Errorf("key %s", got)
	}
	// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
	u, err := url.Parse("https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
		"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400" +
		"&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := signature(u, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "UNSIGNED-PAYLOAD"); err != nil || got != u.Query().Get("X-Amz-Signature") {
		t.Errorf("signature %s, %v", got, err)
	}
}

func TestATokenIsSignedByTheAlgorithm(t *testing.T) {
	at := time.Date(2026, 11, 26, 23, 59, 59, 999, time.FixedZone("", 3600))
	for _, session := range []string{"", testSession, "a b~c*d'(é)&=+%2F"} {
		for _, serverless := range []bool{false, true} {
			c := aws.Credentials{AccessKeyID: testID, SecretAccessKey: testSecret, SessionToken: session}
			from := always(c)
			s, err := New(Options{Region: "eu-central-1", Cache: "FRAUD-Cache", User: "Scorer-1", Serverless: serverless, Credentials: from, Now: func() time.Time { return at }})
			if err != nil {
				t.Fatal(err)
			}
			got, err := check(mustToken(t, s), func(string) string { return testSecret })
			if err != nil {
				t.Fatal(err)
			}
			want := signed{Cache: "fraud-cache", User: "Scorer-1", ID: testID, Region: "eu-central-1", Session: session, At: at.UTC().Truncate(time.Second), Life: 900 * time.Second}
			if serverless {
				want.Resource = "ServerlessCache"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
	}
}

// botocore 1.44.8 made these, with
//
//	botocore.auth.get_current_datetime = lambda: at
//	r = AWSRequest("GET", "http://besra/?Action=connect&User=besra")
//	SigV4QueryAuth(Credentials(id, secret, session), "elasticache", region, expires=900).add_auth(r)
//	print(r.url.removeprefix("http://"))
func TestATokenIsThatOfBotocore(t *testing.T) {
	for _, c := range []struct {
		options Options
		id      string
		session string
		at      time.Time
		want    string
	}{
		{
			Options{Region: "us-east-1", Cache: "besra", User: "besra"},
			"AKIDEXAMPLE", "", time.Date(2023, 11, 14, 22, 13, 20, 0, time.UTC),
			"besra/?Action=connect&User=besra&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
				"&X-Amz-Credential=AKIDEXAMPLE%2F20231114%2Fus-east-1%2Felasticache%2Faws4_request&X-Amz-Date=20231114T221320Z&X-Amz-Expires=900" +
				"&X-Amz-SignedHeaders=host&X-Amz-Signature=2201eaf8ccf803000bd0950d56b635472581db492a975a3c9c30898485384f84",
		},
		{
			Options{Region: "eu-central-1", Cache: "fraud-cache", User: "scorer-1", Serverless: true},
			"ASIAEXAMPLE", testSession,
			time.Date(2026, 2, 28, 23, 59, 59, 0, time.UTC),
			"fraud-cache/?Action=connect&ResourceType=ServerlessCache&User=scorer-1&X-Amz-Algorithm=AWS4-HMAC-SHA256" +
				"&X-Amz-Credential=ASIAEXAMPLE%2F20260228%2Feu-central-1%2Felasticache%2Faws4_request&X-Amz-Date=20260228T235959Z&X-Amz-Expires=900" +
				"&X-Amz-SignedHeaders=host&X-Amz-Security-Token=IQoJb3JpZ2luX2VjEJ3%2F%2F%2F%2F%2F%2F%2F%2F%2F%2FwEaCXVzLWVhc3QtMSJHMEUCIQD%2Ba%2Fb%3D%3D" +
				"&X-Amz-Signature=df1d505139bae6b2f290211e0b790bc3af306d0b23027ac72f61e172bf259774",
		},
	} {
		c.options.Credentials = always(aws.Credentials{AccessKeyID: c.id, SecretAccessKey: testSecret, SessionToken: c.session})
		c.options.Now = func() time.Time { return c.at }
		s, err := New(c.options)
		if err != nil {
			t.Fatal(err)
		}
		got := mustToken(t, s)
		// The order of a query is not signed, and botocore's is another where there is a session.
		if diff := cmp.Diff(sorted(c.want), sorted(got)); diff != "" {
			t.Error(diff)
		}
		if c.session == "" && got != c.want {
			t.Errorf("got %s", got)
		}
	}
}

func sorted(token string) []string {
	parts := strings.Split(strings.Replace(token, "?", "&", 1), "&")
	slices.Sort(parts)
	return parts
}
