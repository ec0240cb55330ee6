package stack_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/deploy/aws/stack"
)

func TestTheSameOptionsGiveTheSameBytes(t *testing.T) {
	all := choices()
	for _, c := range covering(t)[:12] {
		if a, b := render(t, c.options(all)), render(t, c.options(all)); a != b {
			t.Errorf("%s: %s", c, cmp.Diff(a, b))
		}
	}
}

// What make generate writes, for people to read.
func TestTemplateIsFresh(t *testing.T) {
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(render(t, stack.Options{}), string(text)); diff != "" {
		t.Errorf("make generate: %s", diff)
	}
}

var emptyHead = regexp.MustCompile(`(?m)^( *)[A-Za-z]+:\n(?: *\n)*( *)`)

func TestTemplatesReadWell(t *testing.T) {
	all := choices()
	for _, c := range covering(t) {
		text := render(t, c.options(all))
		for i, line := range strings.Split(text, "\n") {
			if line != strings.TrimRight(line, " \t") || strings.Contains(line, "\t") {
				t.Errorf("%s:%d: %q ends in blanks", c, i+1, line)
			}
		}
		for _, m := range emptyHead.FindAllStringSubmatch(text, -1) {
			if len(m[2]) <= len(m[1]) {
				t.Errorf("%s: nothing below %q", c, m[0])
			}
		}
		for _, word := range regexp.MustCompile(`(VERSION|DEPLOYMENT|VPC|GROUP|KEY|NODE|ROUTE)_ID|(ROUTE|NODE|ACTION|CONCURRENCY)_[A-Z]+|MODELS_(BUCKET|PREFIX)|KEY_NAME`).FindAllString(text, -1) {
			t.Errorf("%s: %s is left", c, word)
		}
		if !strings.HasSuffix(text, "\n") || strings.Contains(text, "\n\n\n") {
			t.Errorf("%s: lines are left empty", c)
		}
	}
}

func TestVersion(t *testing.T) {
	name := func(o stack.Options) string { return read(t, render(t, o)).Only("AWS::Lambda::Version") }
	base := name(standard)
	if !strings.HasPrefix(base, "Version"+digestOf('a')[:16]) {
		t.Errorf("%s has not the zip's digest", base)
	}
	t.Run("is another with other code, or another function", func(t *testing.T) {
		for what, change := range map[string]func(*stack.Options){
			"code":      func(o *stack.Options) { o.Digest = digestOf('b') },
			"memory":    func(o *stack.Options) { o.Memory = 512 },
			"timeout":   func(o *stack.Options) { o.Timeout = 5 },
			"setting":   func(o *stack.Options) { o.Settings = map[string]string{"log.sample": "0.5"} },
			"tracing":   func(o *stack.Options) { o.Tracing = "off" },
			"cache":     func(o *stack.Options) { o.Valkey = stack.None },
			"network":   func(o *stack.Options) { o.CIDR = "10.91.0.0/24" },
			"models":    func(o *stack.Options) { o.Models = "s3://models/fraud" },
			"door":      func(o *stack.Options) { o.FrontDoor = stack.RESTAPI },
			"processor": func(o *stack.Options) { o.Arch = stack.X86 },
		} {
			o := standard
			change(&o)
			if name(o) == base {
				t.Errorf("another %s would not be published", what)
			}
		}
	})
	t.Run("is the same where Lambda would publish none", func(t *testing.T) {
		for what, change := range map[string]func(*stack.Options){
			"reserved":    func(o *stack.Options) { o.Reserved = 300 },
			"provisioned": func(o *stack.Options) { o.Provisioned = 3 },
			"release":     func(o *stack.Options) { o.Release = stack.AllAtOnce },
			"throttle":    func(o *stack.Options) { o.ThrottleRate = 3 },
			"tokens": func(o *stack.Options) {
				o.Auth, o.JWTIssuer, o.JWTAudience = stack.JWT, "https://id.example.com", []string{"besra"}
			},
			"retention": func(o *stack.Options) { o.LogRetention = 7 },
			"dashboard": func(o *stack.Options) { o.WithoutBoard = true },
			"bounds":    func(o *stack.Options) { o.CacheECPUMin = 5000 },
			"mail":      func(o *stack.Options) { o.AlarmEmail = "fraud@example.com" },
		} {
			o := standard
			change(&o)
			if name(o) != base {
				t.Errorf("with another %s, CloudFormation would fail: there is such a version", what)
			}
		}
	})
	t.Run("is held to the zip", func(t *testing.T) {
		// echo -n besra | sha256sum, and the same in base64 as Lambda shows it
		text := render(t, stack.Options{Digest: "187d336c02c0d4982b9cd9c004bdafdfeeb9d36fa8d4d97d0c23477b649bbd29"})
		if !strings.Contains(text, `CodeSha256: "GH0zbALA1JgrnNnABL2v3+6502+o1Nl9DCNHe2SbvSk="`) {
			t.Error("CodeSha256 is not the zip's")
		}
		if !strings.Contains(text, "Default: \"besra-187d336c02c0d498.zip\"") {
			t.Error("the key does not change with the zip, so CloudFormation would not see it")
		}
		if strings.Contains(render(t, stack.Options{}), "CodeSha256") {
			t.Error("there is a digest of no zip")
		}
	})
}

func TestDeploymentOfRESTIsAnotherWithOtherMethods(t *testing.T) {
	name := func(o stack.Options) string { return read(t, render(t, o)).Only("AWS::ApiGateway::Deployment") }
	base, open, quota := rest, rest, rest
	open.Auth, quota.Quota = stack.None, "5/day"
	if name(open) == name(base) || name(quota) != name(base) {
		t.Error(name(base), name(open), name(quota))
	}
}

func TestParametersAreThoseOfTheTemplate(t *testing.T) {
	all := choices()
	section := regexp.MustCompile(`(?s)\nParameters:\n(.*?)\nConditions:`)
	entry := regexp.MustCompile(`(?m)^  (\w+):\n((?:    .*\n)+)`)
	for _, c := range covering(t) {
		o := c.options(all)
		want := map[string]string{}
		for _, m := range entry.FindAllStringSubmatch(section.FindStringSubmatch(render(t, o))[1], -1) {
			value := "none"
			for line := range strings.Lines(m[2]) {
				if v, ok := strings.CutPrefix(strings.TrimSpace(line), "Default: "); ok {
					value = strings.Trim(v, `"`)
				}
			}
			want[m[1]] = value
		}
		got := map[string]string{}
		for _, p := range o.Parameters() {
			got[p.Name] = p.Value
			if p.Needs && p.Value == "" {
				got[p.Name] = "none"
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", c, diff)
		}
	}
}

func TestRoutesAreServed(t *testing.T) {
	text, err := os.ReadFile("../../../api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]any
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	var through []string
	for _, m := range regexp.MustCompile(`RouteKey: (\w+) (\S+)`).FindAllStringSubmatch(render(t, stack.Options{}), -1) {
		if doc.Paths[m[2]][strings.ToLower(m[1])] == nil {
			t.Errorf("besra has no %s %s", m[1], m[2])
		}
		through = append(through, m[2])
	}
	for path := range doc.Paths {
		inside := slices.Contains([]string{"/livez", "/ping", "/metrics", "/dashboard"}, path) // of one environment of many
		if inside == slices.Contains(through, path) {
			t.Errorf("%s: let through %v", path, !inside)
		}
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	given := func(o stack.Options) stack.Options {
		o.VPC, o.Subnets = "vpc-0a1b2c3d", []string{"subnet-0a1b2c3d", "subnet-1a2b3c4d"}
		return o
	}
	for _, c := range []struct {
		o    stack.Options
		want string
	}{
		{stack.Options{Name: "Besra"}, `name "Besra": want up to 30 of a-z, 0-9 and single -`},
		{stack.Options{Name: "a--b"}, `name "a--b": `},
		{stack.Options{CodeBucket: "B"}, `code-bucket "B": want a bucket's name`},
		{stack.Options{Key: "a b"}, `code-key "a b": want`},
		{stack.Options{FrontDoor: "soap"}, `front-door "soap": want http-api, rest-api or function-url`},
		{stack.Options{WAF: true}, `waf true: AWS WAF stands before a rest-api alone; front-door is http-api`},
		{stack.Options{WAFRate: 100}, `waf-rate 100: there is no waf`},
		{stack.Options{FrontDoor: stack.RESTAPI, WAF: true, WAFRate: 9}, `waf-rate 9: want 10 to 2000000000`},
		{stack.Options{APIKeys: []string{"a"}}, `api-keys "a": only a rest-api has keys; front-door is http-api`},
		{stack.Options{FrontDoor: stack.RESTAPI, APIKeys: []string{}}, `api-keys "": a rest-api needs one client at least`},
		{stack.Options{FrontDoor: stack.RESTAPI, APIKeys: make([]string, 21)}, `api-keys 21: want up to 20`},
		{stack.Options{FrontDoor: stack.RESTAPI, APIKeys: []string{"a-b", "a-b"}}, `api-keys "a-b": want different names`},
		{stack.Options{Quota: "5/day"}, `quota "5/day": only a rest-api has quotas`},
		{stack.Options{FrontDoor: stack.RESTAPI, Quota: "5/year"}, `quota "5/year": want a number above 0 and day, week or month`},
		{stack.Options{FrontDoor: stack.RESTAPI, Quota: "0/day"}, `quota "0/day": `},
		{stack.Options{Caller: "123456789012"}, `caller "123456789012": who may ask an API is said by their own roles`},
		{stack.Options{FrontDoor: stack.FunctionURL, Caller: "*"}, `caller "*": want an account's 12 digits, or the ARN`},
		{stack.Options{FrontDoor: stack.FunctionURL, Caller: "arn:aws:iam::1:role/x"}, `caller "arn:aws:iam::1:role/x": `},
		{stack.Options{FrontDoor: stack.FunctionURL, ThrottleRate: 5}, `throttle-rate 5: a function-url has no throttle`},
		{stack.Options{ThrottleRate: -1}, `throttle-rate -1: want 1 to 1000000`},
		{stack.Options{ThrottleBurst: -1}, `throttle-burst -1: want 1 to`},
		{stack.Options{Auth: "basic"}, `auth "basic": want iam, jwt or none`},
		{stack.Options{FrontDoor: stack.RESTAPI, Auth: stack.JWT}, `auth "jwt": only an http-api checks tokens; front-door is rest-api`},
		{stack.Options{FrontDoor: stack.FunctionURL, Auth: stack.None}, `auth "none": a function-url without iam would answer all the internet`},
		{stack.Options{Auth: stack.JWT}, `jwt-issuer "": auth jwt needs the URL`},
		{stack.Options{Auth: stack.JWT, JWTIssuer: "https://id.example.com"}, `jwt-audience "": auth jwt needs`},
		{stack.Options{Auth: stack.JWT, JWTIssuer: "http://id.example.com", JWTAudience: []string{"a"}}, `jwt-issuer "http://id.example.com": want a URL that begins with https://`},
		{stack.Options{Auth: stack.JWT, JWTIssuer: "https://id.example.com", JWTAudience: []string{`a"b`}}, `jwt-audience "a\"b": want words`},
		{stack.Options{JWTIssuer: "https://id.example.com"}, `jwt-issuer "https://id.example.com": auth is iam; say auth jwt`},
		{stack.Options{JWTAudience: []string{"a"}}, `jwt-audience "a": auth is iam`},
		{stack.Options{Digest: "abc"}, `digest "abc": want a SHA-256`},
		{stack.Options{Arch: "amd64"}, `arch "amd64": want arm64 or x86_64`},
		{stack.Options{Memory: 20480}, `memory 20480: want 128 to 10240`},
		{stack.Options{Timeout: 30}, `timeout 30: want 1 to 29`},
		{stack.Options{Tracing: "on"}, `tracing "on": want active or off`},
		{stack.Options{Settings: map[string]string{"valkey.address": "x:1"}}, `set "valkey.address=x:1": the template sets valkey.address itself`},
		{stack.Options{Settings: map[string]string{"log.level": "a\nb"}}, `set "log.level=a\nb": want visible ASCII`},
		{stack.Options{Settings: map[string]string{"log.level": strings.Repeat("a", 2000)}}, `set "1 settings": they have 2015 bytes, and 2000 are the most`},
		{stack.Options{Provisioned: -1}, `provisioned -1: want 1 to`},
		{stack.Options{Reserved: -1}, `reserved -1: want 1 to`},
		{stack.Options{Schedule: []stack.Capacity{{"0 7 ? * MON-FRI *", 50}}}, `provisioned-schedule "0 7 ? * MON-FRI *": say with provisioned how many are ready until it first applies`},
		{stack.Options{Provisioned: 1, Schedule: []stack.Capacity{{"0 7 ? * MON-FRI", 50}}}, `provisioned-schedule "0 7 ? * MON-FRI": it has 5 fields and not 6`},
		{stack.Options{Provisioned: 1, Schedule: []stack.Capacity{{"0 7 * * * *", 50}}}, `provisioned-schedule "0 7 * * * *": one of days of the month and days of the week must be ?`},
		{stack.Options{Provisioned: 1, Schedule: []stack.Capacity{{`0 7 ? * " *`, 50}}}, `provisioned-schedule "0 7 ? * \" *": "\"" is none of theirs`},
		{stack.Options{Provisioned: 1, Schedule: []stack.Capacity{{"0 7 ? * * *", -1}}}, `provisioned-schedule -1: want 0 to`},
		{stack.Options{Provisioned: 1, ScheduleZone: "Europe/Paris"}, `provisioned-timezone "Europe/Paris": there is no provisioned-schedule`},
		{stack.Options{Provisioned: 1, ScheduleZone: "a b", Schedule: []stack.Capacity{{"0 7 ? * * *", 1}}}, `provisioned-timezone "a b": want a name`},
		{stack.Options{Reserved: 10, Provisioned: 11}, `provisioned 11: of 10 that are reserved so many cannot be ready`},
		{stack.Options{Provisioned: 901}, `provisioned 901: 100 of the account's 1000 must stay free`},
		{stack.Options{Reserved: 901}, `reserved 901: 100 of the account's 1000 must stay free`},
		{stack.Options{Valkey: "redis"}, `valkey "redis": want serverless or none`},
		{stack.Options{Valkey: stack.None, CacheECPUMin: 1000}, `valkey "none": there is no cache to bound`},
		{stack.Options{VPC: stack.None}, `vpc "none": a cache is reached in its VPC only`},
		{stack.Options{CacheECPUMin: 999}, `cache-ecpu-min 999: want 1000 to 100000`},
		{stack.Options{CacheStorage: 5001}, `cache-storage 5001: want 1 to 5000`},
		{stack.Options{CacheECPU: 1}, `cache-ecpu 1: want 1000 to`},
		{stack.Options{Models: "gs://x/y"}, `models "gs://x/y": want zip, bucket or s3://BUCKET/PREFIX`},
		{stack.Options{Models: "s3://x/y"}, `models "s3://x/y": want a bucket's name after s3://`},
		{stack.Options{Models: "s3://models"}, `models "s3://models": want a prefix after the bucket`},
		{stack.Options{Models: "s3://models/a/../b"}, ""},
		{stack.Options{Models: "s3://models/a*"}, `models "s3://models/a*": want a prefix`},
		{stack.Options{Models: "s3://models/fraud-3.zip"}, `models "s3://models/fraud-3.zip": want the directory`},
		{stack.Options{VPC: "default"}, `vpc "default": want new, none or the id of one`},
		{stack.Options{VPC: "vpc-…"}, `vpc "vpc-…": want`},
		{stack.Options{VPC: "vpc-0a1b2c3d"}, `subnets "": a VPC that is there needs two at least`},
		{stack.Options{Subnets: []string{"subnet-0a1b2c3d"}}, `subnets "subnet-0a1b2c3d": they are of a VPC that is there`},
		{given(stack.Options{SecurityGroups: []string{"sg-x"}}), `security-groups "sg-x": want sg- and 8 to 17 hexadecimal digits`},
		{given(stack.Options{SecurityGroups: make([]string, 6)}), `security-groups 6: want up to 5`},
		{given(stack.Options{RouteTables: []string{"rtb-0a1b2c3d"}}), `route-tables "rtb-0a1b2c3d": the models are in the zip`},
		{given(stack.Options{CIDR: "10.0.0.0/24"}), `vpc-cidr "10.0.0.0/24": there is no new VPC`},
		{stack.Options{CIDR: "10.0.0.1/24"}, `vpc-cidr "10.0.0.1/24": want a private network`},
		{stack.Options{CIDR: "8.8.8.0/24"}, `vpc-cidr "8.8.8.0/24": want a private network`},
		{stack.Options{Release: "canary"}, `release "canary": want one of all-at-once, canary-10m`},
		{stack.Options{LogRetention: 31}, `log-retention 31: want one of 1, 3, 5`},
		{stack.Options{AlarmEmail: "fraud"}, `alarm-email "fraud": want an address`},
		{stack.Options{Latency: -1}, `latency -1: want 1 to 29000`},
		{stack.Options{AccountQuota: 100}, `account-quota 100: want 101 to`},
	} {
		_, err := stack.Render(c.o)
		switch {
		case c.want == "" && err == nil:
		case err == nil:
			t.Errorf("%+v is taken, want %s", c.o, c.want)
		case c.want == "" || !strings.HasPrefix(err.Error(), c.want):
			t.Errorf("want %s\ngot  %v", c.want, err)
		}
	}
}

func TestCommands(t *testing.T) {
	o := stack.Options{Digest: digestOf('a'), CodeBucket: "shop-code", Auth: stack.JWT, JWTIssuer: "https://id.example.com", JWTAudience: []string{"besra", "a$b"}}
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	upload, deploy := o.Commands("it's.zip", "t.yaml", stack.InlineLimit)
	if want := `aws s3 cp 'it'\''s.zip' s3://shop-code/besra-aaaaaaaaaaaaaaaa.zip`; upload != want {
		t.Errorf("want %s, got %s", want, upload)
	}
	want := "aws cloudformation deploy --stack-name besra --template-file t.yaml --capabilities CAPABILITY_IAM --parameter-overrides " +
		"Name=besra CodeBucket=shop-code CodeKey=besra-aaaaaaaaaaaaaaaa.zip CodeObjectVersion= LogRetention=30 ThrottleRate=10000 ThrottleBurst=5000 " +
		"JwtIssuer=https://id.example.com JwtAudience='besra,a$b' CacheStorageMaximum=10 CacheProcessingMaximum=100000 AlarmEmail= LatencyThreshold=100 AccountConcurrency=1000"
	if diff := cmp.Diff(want, deploy); diff != "" {
		t.Error(diff)
	}
	if _, deploy = o.Commands("", "", stack.InlineLimit+1); !strings.Contains(deploy, "--s3-bucket shop-code ") {
		t.Error("what is too large is not sent by a bucket")
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		o    stack.Options
		want []string // what each begins with
	}{
		{standard, nil},
		{stack.Options{}, []string{"neither --zip nor --digest"}},
		{stack.Options{Digest: digestOf('a'), Valkey: stack.None}, []string{"without a shared store, history and replay cannot be had on Lambda; events are scored on empty history and marked degraded"}},
		{stack.Options{Digest: digestOf('a'), Auth: stack.None}, []string{"--auth none: the API lets everybody in"}},
		{stack.Options{Digest: digestOf('a'), FrontDoor: stack.RESTAPI, Auth: stack.None}, []string{"--auth none: an API key"}},
		{stack.Options{Digest: digestOf('a'), Models: stack.Bucket, Provisioned: 1}, []string{"the bucket of models is empty"}},
		{stack.Options{Digest: digestOf('a'), Models: "s3://models/x", VPC: "vpc-0a1b2c3d"}, []string{"models are in S3: the subnets"}},
	} {
		got := c.o.Warnings()
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("want %q, got %q", c.want, got)
		}
	}
}

func TestWithoutACacheDegradedAnswersAreNoAlarm(t *testing.T) {
	const alarm = "MetricName: Degraded"
	if text := render(t, standard); !strings.Contains(text, alarm) || !strings.Contains(text, "{Name: !Ref DegradedAlarm}") {
		t.Error("with one they are")
	}
	o := standard
	o.Valkey = stack.None
	if text := render(t, o); strings.Contains(text, alarm) {
		t.Error("each event is degraded, so the alarm is always on, and CodeDeploy takes every version back")
	}
}
