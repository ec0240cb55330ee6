package iam

import (
	"strings"
	"testing"
)

func TestSettingsAreChecked(t *testing.T) {
	good := Options{Region: "us-east-1", Cache: "Fraud-1", User: "besra", Credentials: &giver{}}
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"all is well":             {func(*Options) {}, ""},
		"no cache":                {func(o *Options) { o.Cache = "" }, "valkey.iam.cache is empty"},
		"a cache's address":       {func(o *Options) { o.Cache = "fraud.abc.euc1.cache.amazonaws.com:6379" }, "valkey.iam.cache is"},
		"a cache with a path":     {func(o *Options) { o.Cache = "fraud/?Action=other" }, "valkey.iam.cache is"},
		"a cache with a digit":    {func(o *Options) { o.Cache = "1fraud" }, "valkey.iam.cache is"},
		"a cache of great length": {func(o *Options) { o.Cache = strings.Repeat("a", 64) }, "valkey.iam.cache is"},
		"no region":               {func(o *Options) { o.Region = "" }, "valkey.iam.region is empty, and so are AWS_REGION and AWS_DEFAULT_REGION"},
		"a region's name":         {func(o *Options) { o.Region = "Frankfurt" }, "valkey.iam.region is"},
		"a zone of China":         {func(o *Options) { o.Region = "cn-north-1" }, ""},
		"no user":                 {func(o *Options) { o.User = "" }, "valkey.user is empty"},
		"a user with a sign":      {func(o *Options) { o.User = "a&b" }, "valkey.user is"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AWS_REGION", "")
			t.Setenv("AWS_DEFAULT_REGION", "")
			o := good
			c.change(&o)
			s, err := New(o)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if s != nil && !strings.HasPrefix(mustToken(t, s), "fraud-1/?Action=connect&User=besra&X-Amz-") {
				t.Error("a token of another form")
			}
		})
	}
}

func TestTheRegionIsThatOfTheEnvironment(t *testing.T) {
	for _, c := range []struct{ set, first, second, want string }{
		{"", "eu-west-1", "eu-west-2", "eu-west-1"},
		{"", "", "eu-west-2", "eu-west-2"},
		{"us-east-1", "eu-west-1", "eu-west-2", "us-east-1"},
	} {
		t.Setenv("AWS_REGION", c.first)
		t.Setenv("AWS_DEFAULT_REGION", c.second)
		s, err := New(Options{Region: c.set, Cache: "fraud", User: "besra", Credentials: &giver{}})
		if err != nil {
			t.Fatal(err)
		}
		if got := mustToken(t, s); !strings.Contains(got, "%2F"+c.want+"%2Felasticache%2F") {
			t.Errorf("want %s: %s", c.want, got)
		}
	}
}

func TestCredentialsThatCannotBeFoundAreAnError(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err := New(Options{Region: "eu-central-1", Cache: "fraud", User: "besra"})
	if err == nil || err.Error() != "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY" {
		t.Errorf("got %v", err)
	}
}

func TestKeysOfTheEnvironmentSign(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_SESSION_TOKEN", "session")
	s, err := New(Options{Region: "eu-central-1", Cache: "fraud", User: "besra"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := check(mustToken(t, s), func(string) string { return "secret" })
	if err != nil || got.ID != "id" || got.Session != "session" {
		t.Errorf("got %+v, %v", got, err)
	}
}
