package stack_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/besra-ml/besra/deploy/aws/stack"
)

// A mutation is a mistake that somebody could make in a template that is right.
type mutation struct {
	name     string
	of       stack.Options
	old, new string // the first old becomes new
	checker  string // what the checker says of it; "": nothing
	linter   string // the rule of cfn-lint that it breaks, W2001 by chance, as a parameter is left over; "": it sees nothing
}

// The options whose templates have mistakes made in them.
var (
	standard = stack.Options{Digest: digestOf('a')}
	rest     = stack.Options{Digest: digestOf('a'), FrontDoor: stack.RESTAPI, WAF: true, Quota: "1000/day", Models: stack.Bucket}
	url      = stack.Options{Digest: digestOf('a'), FrontDoor: stack.FunctionURL, Valkey: stack.None}
	jwt      = stack.Options{Digest: digestOf('a'), Auth: stack.JWT, JWTIssuer: "https://id.example.com", JWTAudience: []string{"besra"}}
	timed    = stack.Options{Digest: digestOf('a'), Provisioned: 5, Schedule: []stack.Capacity{{Cron: "0 7 ? * MON-FRI *", Environments: 50}}}
)

func mutations() []mutation {
	return []mutation{
		// Known to be seen, or not, by cfn-lint.
		{"a property that is none", standard, "MemorySize:", "MemmorySize:", "MemorySize <nil> is not within", "E3002"},
		{"a runtime that is none", standard, "provided.al2023", "provided.al2032", `Runtime is "provided.al2032"`, "E3030"},
		{"an attribute that is none", standard, "!GetAtt Role.Arn", "!GetAtt Role.Arm", "", "E1010"},
		{"an action that is none", standard, "logs:PutLogEvents", "logs:PutLogEvent", "its role may not write", "W3037"},
		{"a reference to nothing", standard, "!Ref AlarmTopic]", "!Ref AlarmTopik]", "", "E1020"},
		{"an authorization that is none", standard, "AuthorizationType: AWS_IAM", "AuthorizationType: IAM", "anybody may come", ""},
		{"more memory than there is", standard, "MemorySize: 1769", "MemorySize: 20480", "MemorySize 20480 is not within 128 and 10240", ""},
		{"an engine that is none", standard, "Engine: valkey\n      MajorEngineVersion", "Engine: valky\n      MajorEngineVersion", `Engine is "valky"`, ""},
		{"a cron of five fields", timed, `"cron(0 7 ? * MON-FRI *)"`, `"cron(0 7 ? * MON-FRI)"`, "is no cron of six fields", ""},
		{"an alarm in the rule that is none", standard, `ALARM("${ThrottlesAlarm}")`, `ALARM("besra-throttled")`, `there is no alarm "besra-throttled"`, ""},
		{"a rule that is none", standard, `OR ALARM("${ThrottlesAlarm}")`, `ORR ALARM("${ThrottlesAlarm}")`, "is no rule", ""},
		{"a dashboard that is no JSON", standard, `{"start": "-PT6H",`, `{"start": "-PT6H"`, "DashboardBody: invalid character", ""},
		{"a throttle below 0", standard, "ThrottlingRateLimit: !Ref ThrottleRate", "ThrottlingRateLimit: -1", "ThrottlingRateLimit -1 is below 1", "W2001"},
		{"no environments provisioned", timed, "ProvisionedConcurrentExecutions: !Ref ProvisionedConcurrency", "ProvisionedConcurrentExecutions: 0", "ProvisionedConcurrentExecutions 0 is below 1", ""},

		// Who may.
		{"a permission for every API of the world", standard, "      SourceArn: !Sub \"arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${HttpApi}/$default/POST/v1/score\"\n", "", "is no way that there is", ""},
		{"a permission for every route", standard, "/$default/POST/v1/score\"", "/*\"", "is no way that there is", ""},
		{"a permission on the function", standard, "FunctionName: !Ref Alias\n      Action", "FunctionName: !Ref Function\n      Action", "and not on the alias", ""},
		{"a route without its permission", standard, "RouteKey: GET /v1/status", "RouteKey: GET /v2/status", "nothing permits", ""},
		{"tokens that nobody checks", jwt, "      AuthorizationType: JWT\n      AuthorizerId: !Ref JwtAuthorizer\n", "      AuthorizationType: NONE\n", "anybody may come", ""},
		{"a route without its authorizer", jwt, "      AuthorizerId: !Ref JwtAuthorizer\n", "", "it has no authorizer", ""},
		{"tokens for anybody", jwt, "        Audience: !Ref JwtAudience\n", "", "it takes tokens of any issuer, or for any audience", "W2001"},
		{"a URL for everybody", url, "AuthType: AWS_IAM\n      InvokeMode", "AuthType: NONE\n      InvokeMode", `AuthType is "NONE"`, ""},
		{"a URL with one permission of two", url, "      InvokedViaFunctionUrl: true\n", "", "or it answers 403", ""},
		{"a method without a key", rest, "ApiKeyRequired: true", "ApiKeyRequired: false", "it wants no key", ""},
		{"a method that the deployment misses", rest, "      - StatusMethod\n", "", "it does not wait for StatusMethod", ""},
		{"all actions", standard, `"elasticache:Connect"`, `"elasticache:*"`, "is more than one action", ""},
		{"any cache", standard, "Resource: [!GetAtt Cache.ARN, !GetAtt CacheUser.Arn]", `Resource: "*"`, "is allowed on all resources", ""},
		{"a managed policy", standard, "      Policies:\n        - PolicyName: log\n", "      ManagedPolicyArns: [!Sub \"arn:${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess\"]\n      Policies:\n        - PolicyName: log\n", "managed policies grant more", ""},
		{"interfaces for the function's own code", standard, `"lambda:SourceFunctionArn"`, `"aws:SourceArn"`, "is allowed to the function's own code", ""},
		{"a list of all the bucket", rest, "                Condition: {StringLike: {\"s3:prefix\": \"models/*\"}}\n", "", "it lists all of the bucket", ""},
		{"alarms of any account", standard, "              StringEquals: {\"aws:SourceAccount\": !Ref \"AWS::AccountId\"}\n", "", "others than this account's alarms", ""},

		// Who reaches whom.
		{"a cache that all may reach", standard, "SourceSecurityGroupId: !Ref SecurityGroup", "CidrIp: 0.0.0.0/0", "it lets in whoever is not a security group", ""},
		{"a function that reaches all", standard, "CidrIp: 127.0.0.1/32", "CidrIp: 0.0.0.0/0", "it lets out more", ""},
		{"a group without a rule", standard, "      SecurityGroupEgress:\n        - {IpProtocol: \"-1\", CidrIp: 127.0.0.1/32, Description: nowhere}\n", "", "without a rule for what goes out", ""},
		{"a cache without users", standard, "      UserGroupId: !Ref CacheUserGroup\n", "", "it has no group of users", ""},
		{"a user with a password", standard, "AuthenticationMode: {Type: iam}", "AuthenticationMode: {Type: password, Passwords: [correct-horse-battery]}", `AuthenticationMode.Type is "password"`, ""},
		{"a user who may do everything", standard, "resetchannels -@all +@read", "resetchannels +@all +@read", "it may do more than besra needs", ""},
		{"a public bucket", rest, "        BlockPublicPolicy: true\n", "", `BlockPublicPolicy is "", and not "true"`, ""},
		{"a bucket that is deleted", rest, "  ModelsBucket:\n    Type: AWS::S3::Bucket\n    DeletionPolicy: Retain\n", "  ModelsBucket:\n    Type: AWS::S3::Bucket\n", "it would be deleted with the stack", "W3011"},
		{"a bucket that takes plain HTTP", rest, `{Bool: {"aws:SecureTransport": "false"}}`, `{Bool: {"aws:SecureTransport": "true"}}`, "no policy refuses connections that are not encrypted", ""},

		// What besra reads.
		{"a cache without TLS", standard, `BESRA_VALKEY_TLS: "true"`, `BESRA_VALKEY_TLS: "false"`, `BESRA_VALKEY_TLS is "false"`, ""},
		{"a variable that is no setting", standard, "BESRA_EMF_NAMESPACE", "BESRA_EMF_NAMESPASE", "besra has no setting for BESRA_EMF_NAMESPASE", ""},
		{"a value that the setting does not take", standard, `BESRA_VALKEY_TLS: "true"`, `BESRA_VALKEY_TLS: soon`, "BESRA_VALKEY_TLS:", ""},
		{"events of another door", standard, "BESRA_LAMBDA_EVENT: http-api", "BESRA_LAMBDA_EVENT: rest-api", "the door is http-api", ""},
		{"a key that besra cannot read", standard, "ExcludeCharacters: ghijklmnopqrstuvwxyz", "ExcludeCharacters: xyz", "is not 32 or more hexadecimal digits", ""},
		{"a user of another name", standard, "BESRA_VALKEY_USER: !Ref Name", "BESRA_VALKEY_USER: besra", "UserName is", ""},

		// Versions, and what depends on what.
		{"an alias at what changes", standard, "FunctionVersion: !GetAtt VERSION.Version", "FunctionVersion: $LATEST", "is no version of this template", ""},
		{"a version without digests", standard, "VERSION", "Version", "its name has no digests", ""},
		{"a target that does not wait", timed, "    DependsOn: Alias\n", "", "does not depend on Alias", ""},
		{"a target of another alias", timed, "function:${Function}:live", "function:${Function}:prod", `ResourceId is "function:${Function}:prod"`, ""},
		{"what depends on itself", standard, "      GroupDescription: The cache, which the function reaches and nobody else\n", "      GroupDescription: !Ref Cache\n", "it depends on itself", "E3004"},
		{"a door that gives up early", standard, "TimeoutInMillis: 4000", "TimeoutInMillis: 2000", "it gives up after 2000 ms", ""},
		{"a deployment that no alarm ends", standard, "DEPLOYMENT_STOP_ON_ALARM, ", "", "would not bring the version back", ""},
		{"a way of deploying that is none", standard, "LambdaCanary10Percent5Minutes", "LambdaCanary10Percent7Minutes", "CodeDeploy has no", ""},
		{"a transform", standard, "Parameters:\n", "Transform: AWS::Serverless-2016-10-31\n\nParameters:\n", "the template is plain", ""},

		// What is watched.
		{"a log of another name", standard, `"/aws/lambda/${Name}"`, `"/aws/lambda/${Name}-log"`, "where people look for it", ""},
		{"a retention that is none", standard, "RetentionInDays: !Ref LogRetention", "RetentionInDays: 31", "RetentionInDays 31 is not among", "E3030"},
		{"a level that drops metrics", standard, "ApplicationLogLevel: INFO", "ApplicationLogLevel: WARN", "drops lines without one", ""},
		{"an alarm on what nobody emits", standard, "MetricName: Degraded,", "MetricName: Degrade,", "nobody emits Degrade of besra", ""},
		{"an alarm by a dimension that there is not", standard, "Dimensions: [{Name: service, Value: !Ref Name}]", "Dimensions: [{Name: Service, Value: !Ref Name}]", "has no dimensions Service", ""},
		{"an alarm of another function", standard, "Dimensions: [{Name: FunctionName, Value: !Ref Function}]", "Dimensions: [{Name: FunctionName, Value: fraud}]", `FunctionName is "fraud"`, ""},
		{"an alarm on a cache by nodes' dimension", standard, "Name: clusterId", "Name: CacheClusterId", "has no dimensions CacheClusterId", ""},
		{"an alarm that silence raises", standard, "TreatMissingData: notBreaching", "TreatMissingData: breaching", `TreatMissingData is "breaching"`, ""},
		{"an alarm that nobody is told of", standard, "      AlarmActions: [!Ref AlarmTopic]\n", "", "nobody is told", ""},
		{"an expression of nothing", standard, "100 * FILL(errors, 0) / invocations", "100 * FILL(errors, 0) / invocation", "there is no invocation", ""},
		{"a widget on what nobody emits", standard, `["besra","Requests","service"`, `["besra","Request","service"`, "nobody emits Request of besra", ""},
		{"a widget by a dimension that there is not", standard, `"ApiId","${HttpApi}"`, `"ApiName","${HttpApi}"`, `ApiName is "${HttpApi}", and not "${Name}"`, ""},
		{"a widget on another", standard, `"x":8,"y":2,`, `"x":0,"y":2,`, "stands on another", ""},
		{"a search for what nobody emits", standard, `{besra,service,model}`, `{besra,service,version}`, "nobody emits Decline of besra by service,version", ""},
	}
}

func TestMistakesAreSeen(t *testing.T) {
	good := map[string]string{}
	for _, m := range mutations() {
		good[fmt.Sprint(m.of)] = render(t, m.of)
	}
	for _, o := range []stack.Options{standard, rest, url, jwt, timed} {
		if found := read(t, good[fmt.Sprint(o)]).Check(facts(t, o)); len(found) > 0 {
			t.Fatalf("without a mistake: %v", found)
		}
	}
	bad := map[string]string{}
	for i, m := range mutations() {
		t.Run(m.name, func(t *testing.T) {
			text := good[fmt.Sprint(m.of)]
			version := read(t, text).Only("AWS::Lambda::Version")
			old, with := strings.ReplaceAll(m.old, "VERSION", version), m.new
			if !strings.Contains(text, old) {
				t.Fatalf("there is no %q", old)
			}
			n := 1
			if m.old == "VERSION" {
				n = -1 // a name, wherever it stands
			}
			mutant := strings.Replace(text, old, with, n)
			bad[fmt.Sprintf("%03d", i)] = mutant
			found := read(t, mutant).Check(facts(t, m.of))
			said := strings.Join(found, "\n")
			switch {
			case m.checker == "" && len(found) > 0:
				t.Errorf("the checker sees it, too:\n%s", said)
			case m.checker == "" && m.linter == "":
				t.Error("nobody sees it")
			case !strings.Contains(said, m.checker):
				t.Errorf("want %q, got:\n%s", m.checker, said)
			}
		})
	}
	t.Run("by cfn-lint, as is said here", func(t *testing.T) {
		if testing.Short() {
			return
		}
		all := map[string]string{}
		for i, m := range mutations() {
			if name := fmt.Sprintf("%03d", i); m.linter != "" || os.Getenv("BESRA_LINT_ALL") != "" { // half a second for each: with BESRA_LINT_ALL all
				all[name] = bad[name]
			}
		}
		for i, o := range []stack.Options{standard, rest, url, jwt, timed} {
			all[fmt.Sprintf("good%d", i)] = good[fmt.Sprint(o)]
		}
		said := lint(t, all)
		for i, m := range mutations() {
			if all[fmt.Sprintf("%03d", i)] == "" {
				continue
			}
			rules := said[fmt.Sprintf("%03d", i)]
			sees := slices.ContainsFunc(rules, func(r string) bool { return m.linter != "" && strings.HasPrefix(r, m.linter) })
			if m.linter == "" && len(rules) > 0 || m.linter != "" && !sees {
				t.Errorf("%s: want %q, cfn-lint says %q", m.name, m.linter, rules)
			}
			delete(said, fmt.Sprintf("%03d", i))
		}
		if len(said) > 0 {
			t.Errorf("without a mistake: %v", said)
		}
	})
}
