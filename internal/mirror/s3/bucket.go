// Package s3 reads models from buckets of Amazon S3, and of what speaks its protocol: lists, heads and ranged reads over
// plain HTTP, signed by AWS's signer.
//
// The environment says where and as whom, as with AWS's own tools: AWS_REGION or AWS_DEFAULT_REGION; AWS_ENDPOINT_URL_S3 or
// AWS_ENDPOINT_URL for another server than Amazon's, which is asked in path style (AWS_IGNORE_CONFIGURED_ENDPOINT_URLS:
// not); AWS_USE_DUALSTACK_ENDPOINT and AWS_USE_FIPS_ENDPOINT; and the credentials that internal/credentials finds.
package s3

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/besra-ml/besra/internal/credentials"
	"github.com/besra-ml/besra/internal/telemetry"
)

// Options is what a [Bucket] is made of.
type Options struct {
	Bucket      string
	Metrics     *telemetry.Mirror
	Credentials aws.CredentialsProvider // sign; nil: those that the environment points to
	Patience    time.Duration           // within which what may pass is tried again; 0: 20 s
	Now         func() time.Time        // nil: time.Now
}

const (
	parallel = 8       // requests at once
	partSize = 8 << 20 // bytes that one request reads of an object

	patience   = 20 * time.Second
	pause      = 100 * time.Millisecond // before the second attempt; twice that before the third, and so on
	maxPause   = 3 * time.Second
	answerTime = 5 * time.Second // that a request has, beside the time for its bytes
	slowest    = 256 << 10       // bytes a second
)

// A Bucket is one bucket, as mirror.Source. It is called from many goroutines, and has none of its own while nobody calls.
type Bucket struct {
	name, region string
	base         url.URL // of the server
	inHost       bool    // the bucket is named by the host, not by the path
	from         *credentials.Keeper
	signer       *v4.Signer
	client       *http.Client
	metrics      *telemetry.Mirror
	now          func() time.Time
	slots        chan struct{} // who fills one may ask

	patience, pause, answerTime time.Duration
	partSize                    int64
}

// New returns a Bucket, or what is wrong with the environment. It asks nobody yet.
func New(o Options) (*Bucket, error) {
	if !isBucket(o.Bucket) {
		return nil, fmt.Errorf("s3: %.100q is no name of a bucket: want 3 to 63 of letters, digits, dots, - and _", o.Bucket)
	}
	endpoint := endpoint()
	region := credentials.Region()
	switch {
	case region == "" && endpoint == "":
		return nil, errors.New("s3: AWS_REGION is empty, and so is AWS_DEFAULT_REGION: say where the bucket is, such as us-east-1")
	case region != "" && !isRegion(region):
		return nil, fmt.Errorf("s3: the region %.100q: want one such as us-east-1", region)
	}
	region = cmp.Or(region, "us-east-1") // what servers of others take, when they mind at all
	base, err := address(endpoint, region)
	if err != nil {
		return nil, err
	}
	if o.Credentials == nil {
		if o.Credentials, err = credentials.Find(region); err != nil {
			return nil, fmt.Errorf("s3: credentials: %w", err)
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Bucket{
		name: o.Bucket, region: region, base: base,
		inHost: endpoint == "" && !strings.ContainsAny(o.Bucket, "._"), // which no certificate covers
		from:   credentials.Keep(o.Credentials, o.Now),
		signer: v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), // S3 escapes once
		client: client(), metrics: o.Metrics, now: o.Now, slots: make(chan struct{}, parallel),
		patience: cmp.Or(o.Patience, patience), pause: pause, answerTime: answerTime, partSize: partSize,
	}, nil
}

// client returns one that goes nowhere but where it is sent, and takes bodies as they are.
func client() *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    parallel,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
			TLSClientConfig: &tls.Config{
				MinVersion:         tls.VersionTLS12,
				ClientSessionCache: tls.NewLRUClientSessionCache(2), // the list's connection makes the others cheaper
			},
		},
	}
}

// endpoint returns the server that the environment names; "": Amazon's.
func endpoint() string {
	if isTrue("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
		return ""
	}
	return cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
}

func isTrue(variable string) bool { return strings.EqualFold(os.Getenv(variable), "true") }

// address returns where the server is.
func address(endpoint, region string) (url.URL, error) {
	if endpoint != "" {
		u, err := url.Parse(strings.TrimRight(endpoint, "/"))
		if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
			return url.URL{}, errors.New("s3: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL is no URL such as https://minio.example.com:9000")
		}
		return *u, nil
	}
	host := "s3"
	if isTrue("AWS_USE_FIPS_ENDPOINT") {
		host += "-fips"
	}
	if isTrue("AWS_USE_DUALSTACK_ENDPOINT") {
		host += ".dualstack"
	}
	host += "." + region + ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		host += ".cn"
	}
	return url.URL{Scheme: "https", Host: host}, nil
}

// isBucket reports whether s can name a bucket, of Amazon or of others.
func isBucket(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return len(s) >= 3 && len(s) <= 63 && strings.Trim(s, letters+".-_") == "" && !strings.Contains(s, "..") &&
		strings.Contains(letters, s[:1]) && strings.Contains(letters, s[len(s)-1:])
}

// isRegion reports whether s is one label of a host's name.
func isRegion(s string) bool {
	return s != "" && len(s) <= 63 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] != '-'
}

// String returns the bucket's address.
func (b *Bucket) String() string { return "s3://" + b.name }

// Identity tells the bucket from those of the same name on other servers.
func (b *Bucket) Identity() string { return b.base.String() + " " + b.name }

// Close lets go of connections that nobody uses.
func (b *Bucket) Close() { b.client.CloseIdleConnections() }

// url returns where a key of the bucket is, or, without one, the bucket.
func (b *Bucket) url(key string, query url.Values) *url.URL {
	u := b.base
	path := u.Path + "/"
	if b.inHost {
		u.Host = b.name + "." + u.Host
	} else {
		path += b.name
		if key != "" {
			path += "/"
		}
	}
	u.Path = path + key
	u.RawPath = escape(u.Path)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // as it is signed
	return &u
}

// escape writes a path as S3 signs it: all but letters, digits and -._~/ escaped, once.
func escape(path string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/", c) >= 0:
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
