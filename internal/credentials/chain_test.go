package credentials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

const answerJSON = `{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"secret/+1","Token":"session==","Expiration":"2026-11-26T17:00:00Z","RoleArn":"arn:aws:iam::1:role/besra"}`

var answered = aws.Credentials{
	AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "secret/+1", SessionToken: "session==",
	CanExpire: true, Expires: time.Date(2026, 11, 26, 17, 0, 0, 0, time.UTC),
}

// setEnvironment makes these the only variables of AWS.
func setEnvironment(t *testing.T, pairs ...string) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			t.Setenv(name, "")
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		t.Setenv(pairs[i], pairs[i+1])
	}
}

func mustChain(t *testing.T, ecs string) origin {
	t.Helper()
	c, err := chain("eu-central-1", ecs)
	if err != nil {
		t.Fatal(err)
	}
	return c.(origin)
}

func ask(t *testing.T, o origin) (aws.Credentials, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), AskTimeout)
	defer cancel()
	return o.Retrieve(ctx)
}

func wantAnswered(t *testing.T, o origin) {
	t.Helper()
	got, err := ask(t, o)
	if err != nil {
		t.Fatal(err)
	}
	want := answered
	want.Source = o.name
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func serve(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheFirstThatIsThereIsTheOnlyOne(t *testing.T) {
	everything := []string{
		"AWS_ACCESS_KEY_ID", "id", "AWS_SECRET_ACCESS_KEY", "secret", "AWS_WEB_IDENTITY_TOKEN_FILE", "/token", "AWS_ROLE_ARN", "role",
		relativeURI, "/v2/1", fullURI, "http://127.0.0.1/v2/2",
	}
	const profiles = "is set, but profiles are not read: unset it, and put into the environment what `aws configure export-credentials --format env` prints"
	for _, c := range []struct {
		environment []string
		want        string // what the origin's name begins with, or the error has
	}{
		{everything, "AWS_ACCESS_KEY_ID"},
		{everything[4:], "AWS_WEB_IDENTITY_TOKEN_FILE"},
		{everything[8:], relativeURI},
		{everything[10:], fullURI},
		{nil, "the role of the EC2 instance, as none of AWS_ACCESS_KEY_ID, "},
		{everything[:2], "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY"},
		{everything[2:], "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID"},
		{everything[4:6], "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN"},
		{append(slices.Clone(everything[8:]), "AWS_PROFILE", "mine"), "AWS_PROFILE " + profiles},
		{append(slices.Clone(everything[8:]), "AWS_SHARED_CREDENTIALS_FILE", "/mine"), "AWS_SHARED_CREDENTIALS_FILE " + profiles},
		{append(slices.Clone(everything), "AWS_PROFILE", "mine"), "AWS_ACCESS_KEY_ID"},
		{[]string{"AWS_EC2_METADATA_DISABLED", "TRUE"}, "no credentials: none of AWS_ACCESS_KEY_ID, AWS_WEB_IDENTITY_TOKEN_FILE, " + relativeURI + " and " + fullURI + " is set, and AWS_EC2_METADATA_DISABLED is"},
		{[]string{relativeURI, "@example.com/"}, relativeURI + " begins without a slash"},
		{[]string{fullURI, "http://example.com/"}, fullURI + " is no https URL, and its host \"example.com\" is neither"},
		{[]string{fullURI, "https://example.com/"}, fullURI},
		{[]string{fullURI, "ftp://127.0.0.1/"}, fullURI + " is no https URL"},
		{[]string{fullURI, "http://user:secret@127.0.0.1/"}, fullURI + " is no URL"},
		{[]string{fullURI, "http://[::1"}, fullURI + " is no URL"},
		{append(slices.Clone(everything[4:8]), "AWS_ENDPOINT_URL_STS", "http://example.com"), "AWS_ENDPOINT_URL_STS is no https URL"},
		{[]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254"}, "AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL"},
	} {
		t.Run(c.want, func(t *testing.T) {
			setEnvironment(t, c.environment...)
			got, err := Find("eu-central-1")
			if err == nil {
				err = errors.New(got.(origin).name)
			}
			if !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "user:secret") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestKeysOfTheEnvironment(t *testing.T) {
	setEnvironment(t, "AWS_ACCESS_KEY_ID", "id", "AWS_SECRET_ACCESS_KEY", "secret", "AWS_SESSION_TOKEN", "session")
	got, err := ask(t, mustChain(t, ecsAddress))
	want := aws.Credentials{AccessKeyID: "id", SecretAccessKey: "secret", SessionToken: "session", Source: "AWS_ACCESS_KEY_ID"}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
}

func TestTheAgentOfAContainer(t *testing.T) {
	var seen *http.Request
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r
		_, _ = io.WriteString(w, answerJSON)
	})
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "first\n")
	for name, c := range map[string]struct {
		environment []string
		path, auth  string
	}{
		"a task of ECS":            {[]string{relativeURI, "/v2/credentials?id=1"}, "/v2/credentials?id=1", ""},
		"a full address":           {[]string{fullURI, at + "/v1/credentials"}, "/v1/credentials", ""},
		"a secret":                 {[]string{fullURI, at + "/v1", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic 1"}, "/v1", "Basic 1"},
		"a secret in a file first": {[]string{fullURI, at, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic 1", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file}, "/", "first"},
	} {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, c.environment...)
			wantAnswered(t, mustChain(t, at))
			if seen.Method != http.MethodGet || seen.RequestURI != c.path || seen.Header.Get("Authorization") != c.auth {
				t.Errorf("asked %s %s with %q", seen.Method, seen.RequestURI, seen.Header.Get("Authorization"))
			}
		})
	}
	t.Run("a secret in a file is read anew", func(t *testing.T) {
		setEnvironment(t, fullURI, at, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file)
		o := mustChain(t, at)
		wantAnswered(t, o)
		write(t, file, "second")
		wantAnswered(t, o)
		if got := seen.Header.Get("Authorization"); got != "second" {
			t.Errorf("asked with %q", got)
		}
		for _, text := range []string{"", " \n", strings.Repeat("x", maxAnswer+1)} {
			write(t, file, text)
			if _, err := ask(t, o); err == nil || !strings.HasPrefix(err.Error(), fullURI+": AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: ") {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestCredentialsNeedNotExpire(t *testing.T) {
	at := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"AccessKeyId":"id","SecretAccessKey":"secret"}`)
	})
	setEnvironment(t, fullURI, at)
	if got, err := ask(t, mustChain(t, at)); err != nil || got.CanExpire || got.Expired() || got.SecretAccessKey != "secret" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// metadata is the metadata service of an instance in version 2, which wants a session to be opened with PUT.
func metadata(list, role string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		const roles = "/latest/meta-data/iam/security-credentials/"
		switch {
		case r.Method == http.MethodPut && r.URL.Path == "/latest/api/token":
			if r.Header.Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			_, _ = io.WriteString(w, "a session")
		case r.Header.Get("X-Aws-Ec2-Metadata-Token") != "a session":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == roles && list != "":
			_, _ = io.WriteString(w, list)
		case list != "" && r.URL.Path == roles+strings.Fields(list)[0]:
			_, _ = io.WriteString(w, role)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}
}

func TestTheRoleOfAnInstance(t *testing.T) {
	for name, c := range map[string]struct {
		answers http.HandlerFunc
		want    string
	}{
		"there is one":        {metadata("besra", answerJSON), ""},
		"there is a line end": {metadata("besra\nother\n", answerJSON), ""},
		"there is none":       {metadata("", ""), "it has none"},
		"the list is empty":   {metadata(" \n", ""), "it has none"},
		"it may not be taken": {metadata("besra", `{"Code":"AssumeRoleUnauthorizedAccess","Message":"no"}`), `the answer has code "AssumeRoleUnauthorizedAccess"`},
		"version 2 is denied": {func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPut {
				t.Error("version 1 was tried")
			}
			w.WriteHeader(http.StatusForbidden)
		}, "answers 403 Forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			setEnvironment(t, "AWS_EC2_METADATA_SERVICE_ENDPOINT", serve(t, c.answers)+"/")
			o := mustChain(t, ecsAddress)
			if c.want == "" {
				wantAnswered(t, o)
				return
			}
			if _, err := ask(t, o); err == nil || !strings.HasSuffix(err.Error(), ": "+c.want) || !strings.HasPrefix(err.Error(), "the role of the EC2 instance, as none of ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

const answerXML = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>system:serviceaccount:default:besra</SubjectFromWebIdentityToken>
    <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/besra/besra</Arn><AssumedRoleId>AROAEXAMPLE:besra</AssumedRoleId></AssumedRoleUser>
    <Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>secret/+1</SecretAccessKey><SessionToken>session==</SessionToken><Expiration>2026-11-26T17:00:00Z</Expiration></Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>`

func TestARoleForAWebIdentity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	var form map[string][]string
	at := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.PostForm
		if r.Method != http.MethodPost || r.URL.Path != "/" || r.URL.RawQuery != "" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s", r.Method, r.RequestURI)
		}
		switch r.PostForm.Get("WebIdentityToken") {
		case "first", "second":
			_, _ = io.WriteString(w, answerXML)
		case "echo":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>echo is no token</Message></Error></ErrorResponse>`)
		default:
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message></Error><RequestId>1</RequestId></ErrorResponse>`)
		}
	})
	setEnvironment(t, "AWS_WEB_IDENTITY_TOKEN_FILE", file, "AWS_ROLE_ARN", "arn:aws:iam::1:role/besra", "AWS_ENDPOINT_URL_STS", at)
	o := mustChain(t, ecsAddress)
	for _, token := range []string{"first", "second"} {
		write(t, file, token+"\n")
		wantAnswered(t, o)
		want := map[string][]string{
			"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
			"RoleArn": {"arn:aws:iam::1:role/besra"}, "RoleSessionName": {"besra"}, "WebIdentityToken": {token},
		}
		if diff := cmp.Diff(want, form); diff != "" {
			t.Error(diff)
		}
	}
	for token, want := range map[string]string{
		"third": `: answers 403 Forbidden: "AccessDenied": "Not authorized to perform sts:AssumeRoleWithWebIdentity"`,
		"echo":  `: answers 400 Bad Request`,
		"":      `is empty`,
	} {
		write(t, file, token)
		if _, err := ask(t, o); err == nil || !strings.HasSuffix(err.Error(), want) || !strings.HasPrefix(err.Error(), "AWS_WEB_IDENTITY_TOKEN_FILE: ") {
			t.Errorf("got %v", err)
		}
	}
}

func TestSTSIsAskedInTheRegion(t *testing.T) {
	setEnvironment(t)
	for region, want := range map[string]string{
		"eu-central-1": "https://sts.eu-central-1.amazonaws.com/",
		"cn-north-1":   "https://sts.cn-north-1.amazonaws.com.cn/",
	} {
		if got, err := stsAddress(region); err != nil || got != want {
			t.Errorf("%s: %s, %v", region, got, err)
		}
	}
}

// origins returns one of each kind that asks over the network, all at one address.
func origins(t *testing.T, at string) []origin {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	write(t, file, "web-secret")
	var all []origin
	for _, environment := range [][]string{
		{relativeURI, "/path-secret", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "header-secret"},
		{fullURI, at + "/path-secret?query-secret", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "header-secret"},
		{"AWS_EC2_METADATA_SERVICE_ENDPOINT", at},
		{"AWS_WEB_IDENTITY_TOKEN_FILE", file, "AWS_ROLE_ARN", "role", "AWS_ENDPOINT_URL", at},
	} {
		setEnvironment(t, environment...)
		all = append(all, mustChain(t, at))
	}
	return all
}

func TestWhatDoesNotAnswerFailsInTime(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + nobody.Addr().String()
	nobody.Close()
	silent := make(chan struct{})
	hangs := serve(t, func(http.ResponseWriter, *http.Request) { <-silent })
	defer close(silent)
	for name, at := range map[string]string{"refused": refused, "hangs": hangs} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for _, o := range origins(t, at) {
				k := Keep(o, time.Now)
				all.Go(func() {
					start := time.Now()
					_, err := k.Retrieve(t.Context())
					if took := time.Since(start); err == nil || took > AskTimeout+time.Second {
						t.Errorf("%v after %v", err, took)
					}
					if !strings.HasPrefix(err.Error(), "credentials: "+o.name+": "+at+": ") || strings.Contains(err.Error(), "secret") {
						t.Errorf("got %v", err)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestErrorsTellNoSecrets(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request, status int, text string) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Location", "http://127.0.0.1:1/location-secret")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, text, r.RequestURI+r.Header.Get("Authorization")+string(body))
	}
	for name, f := range map[string]http.HandlerFunc{
		"a refusal that echoes": func(w http.ResponseWriter, r *http.Request) { echo(w, r, 403, `%s`) },
		"one in JSON":           func(w http.ResponseWriter, r *http.Request) { echo(w, r, 403, `{"Code":"no","Message":"%s"}`) },
		"one in XML": func(w http.ResponseWriter, r *http.Request) {
			echo(w, r, 403, `<E><Error><Code>no</Code><Message>web-secret %s</Message></Error></E>`)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) { echo(w, r, 307, `%s`) },
		"text":       func(w http.ResponseWriter, r *http.Request) { echo(w, r, 200, `secret %s`) },
		"null":       func(w http.ResponseWriter, r *http.Request) { echo(w, r, 200, `null`+"%.0s") },
		"secrets of another kind": func(w http.ResponseWriter, r *http.Request) {
			echo(w, r, 200, `{"AccessKeyId":"id","SecretAccessKey":"secret","Expiration":"secret %s"}`)
		},
		"an answer that is cut": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "99")
			echo(w, r, 200, `secret %s`)
		},
		"an answer without end": func(w http.ResponseWriter, r *http.Request) {
			echo(w, r, 200, `%s`+strings.Repeat("secret", maxAnswer))
		},
		"credentials that are empty": func(w http.ResponseWriter, r *http.Request) { echo(w, r, 200, `{"SecretAccessKey":"secret"}%.0s`) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, o := range origins(t, serve(t, f)) {
				_, err := Keep(o, time.Now).Retrieve(t.Context())
				if err == nil || strings.Contains(err.Error(), "secret") || len(err.Error()) > 500 {
					t.Errorf("%s: got %v", o.name, err)
				}
			}
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	there := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("went to %s", r.RequestURI) })
	at := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, there, http.StatusTemporaryRedirect) })
	for _, o := range origins(t, at) {
		if _, err := ask(t, o); err == nil || !strings.HasSuffix(err.Error(), "answers 307 Temporary Redirect") {
			t.Errorf("got %v", err)
		}
	}
}

func TestWhatMayPassIsTriedAgain(t *testing.T) {
	for _, status := range []int{500, 503, 429, 403} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			asked := 0
			at := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked++
				if body, _ := io.ReadAll(r.Body); !strings.Contains(string(body), "WebIdentityToken=web-secret") {
					t.Errorf("asked with %s", body)
				}
				if asked < attempts {
					w.WriteHeader(status)
				} else {
					_, _ = io.WriteString(w, answerXML)
				}
			})
			all := origins(t, at)
			_, err := ask(t, all[len(all)-1])
			if status == 403 && (err == nil || asked != 1) || status != 403 && (err != nil || asked != attempts) {
				t.Errorf("asked %d times: %v", asked, err)
			}
		})
	}
}

func TestHostsThatAreLocal(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.1.2.3": true, "::1": true, "::ffff:127.0.0.1": true, "localhost": true,
		"169.254.170.2": true, "169.254.170.23": true, "fd00:ec2::23": true, "fd00:0ec2:0:0::23": true,
		"169.254.169.254": false, "10.0.0.1": false, "example.com": false, "localhost.example.com": false, "": false, "0.0.0.0": false,
	} {
		if got := isLocal(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}
