package s3

import (
	"strings"
	"testing"
	"time"

	"github.com/besra-ml/besra/internal/telemetry"
)

// environ makes these the only variables of AWS, beside credentials.
func environ(t *testing.T, pairs ...string) {
	t.Helper()
	for _, name := range []string{
		"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
		"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_SESSION_TOKEN", "AWS_PROFILE",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

func TestWhereABucketIs(t *testing.T) {
	const key = "models/a b+c/é"
	for name, c := range map[string]struct {
		environment []string
		bucket      string
		want        string // of the URL, or the error's end
	}{
		"a region":                       {[]string{"AWS_REGION=eu-central-1"}, "models", "https://models.s3.eu-central-1.amazonaws.com/models/a%20b%2Bc/%C3%A9"},
		"the other variable":             {[]string{"AWS_DEFAULT_REGION=us-east-1"}, "models", "https://models.s3.us-east-1.amazonaws.com/"},
		"both":                           {[]string{"AWS_DEFAULT_REGION=us-east-1", "AWS_REGION=us-west-2"}, "models", "https://models.s3.us-west-2.amazonaws.com/"},
		"China":                          {[]string{"AWS_REGION=cn-north-1"}, "models", "https://models.s3.cn-north-1.amazonaws.com.cn/"},
		"a bucket with dots":             {[]string{"AWS_REGION=eu-central-1"}, "models.example.com", "https://s3.eu-central-1.amazonaws.com/models.example.com/models/"},
		"IPv6":                           {[]string{"AWS_REGION=eu-central-1", "AWS_USE_DUALSTACK_ENDPOINT=true"}, "models", "https://models.s3.dualstack.eu-central-1.amazonaws.com/"},
		"FIPS":                           {[]string{"AWS_REGION=us-east-1", "AWS_USE_FIPS_ENDPOINT=TRUE"}, "models", "https://models.s3-fips.us-east-1.amazonaws.com/"},
		"another server":                 {[]string{"AWS_ENDPOINT_URL=http://minio:9000/"}, "models", "http://minio:9000/models/models/a%20b%2Bc/%C3%A9"},
		"another server for S3":          {[]string{"AWS_ENDPOINT_URL=http://other", "AWS_ENDPOINT_URL_S3=https://ceph/s3"}, "models", "https://ceph/s3/models/models/"},
		"another server that is ignored": {[]string{"AWS_ENDPOINT_URL=http://other", "AWS_REGION=us-east-1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"}, "models", "https://models.s3.us-east-1.amazonaws.com/"},
		"no region":                      {nil, "models", "AWS_REGION is empty, and so is AWS_DEFAULT_REGION: say where the bucket is, such as us-east-1"},
		"a region that is no word":       {[]string{"AWS_REGION=evil.com/"}, "models", `the region "evil.com/": want one such as us-east-1`},
		"a server that is no URL":        {[]string{"AWS_ENDPOINT_URL=minio:9000"}, "models", "is no URL such as https://minio.example.com:9000"},
		"a server with a secret":         {[]string{"AWS_ENDPOINT_URL=http://a:b@minio"}, "models", "is no URL such as https://minio.example.com:9000"},
		"a bucket that is none":          {[]string{"AWS_REGION=us-east-1"}, "a/b", "want 3 to 63 of letters, digits, dots, - and _"},
		"a bucket that leads up":         {[]string{"AWS_REGION=us-east-1"}, "a..b", "want 3 to 63 of letters, digits, dots, - and _"},
		"a bucket without a name":        {[]string{"AWS_REGION=us-east-1"}, "", "want 3 to 63 of letters, digits, dots, - and _"},
		"half of the keys":               {[]string{"AWS_REGION=us-east-1", "AWS_SECRET_ACCESS_KEY="}, "models", "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			environ(t, c.environment...)
			b, err := New(Options{Bucket: c.bucket, Metrics: &telemetry.New(telemetry.Options{}).Mirror})
			if err != nil {
				if !strings.HasPrefix(err.Error(), "s3: ") || !strings.HasSuffix(err.Error(), c.want) || strings.Contains(err.Error(), "a:b@") {
					t.Errorf("got %v", err)
				}
				return
			}
			if got := b.url(key, nil).String(); !strings.HasPrefix(got, c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestTwoServersWithABucketOfOneNameAreTwo(t *testing.T) {
	environ(t, "AWS_ENDPOINT_URL=http://one")
	one := open(t, "models")
	environ(t, "AWS_ENDPOINT_URL=http://two")
	if two := open(t, "models"); one.Identity() == two.Identity() || one.String() != two.String() {
		t.Errorf("%s and %s", one.Identity(), two.Identity())
	}
}

func TestTimeIsBounded(t *testing.T) {
	if worst := patience + answerTime + time.Duration(partSize/slowest)*time.Second; worst > time.Minute {
		t.Errorf("a request may take %v", worst)
	}
}
