package stack_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/besra-ml/besra/deploy/aws/stack"
	"github.com/besra-ml/besra/deploy/aws/stacktest"
)

// A privilege is one thing that a role may do, on what, and why it must.
type privilege struct {
	role, action, on, why string
}

// Where a privilege is, in the tests below.
const (
	logArn      = "${LogGroup.Arn}"
	everything  = "*"
	cacheAndUsr = "${Cache.ARN} ${CacheUser.Arn}"
	aliasArns   = "${Function.Arn} ${Function.Arn}:live"
	alarmArns   = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"
)

// always is what every stack may do.
func always() []privilege {
	return []privilege{
		{"Role", "logs:CreateLogStream", logArn, "each environment has a stream of its own"},
		{"Role", "logs:PutLogEvents", logArn, "log and metrics"},
		{"ReleaseRole", "lambda:GetAlias", aliasArns, "CodeDeploy looks where the alias is"},
		{"ReleaseRole", "lambda:UpdateAlias", aliasArns, "and moves it"},
		{"ReleaseRole", "lambda:GetProvisionedConcurrencyConfig", aliasArns, "and waits until environments are ready"},
		{"ReleaseRole", "cloudwatch:DescribeAlarms", alarmArns, "and looks at the alarms that bring it back, which are asked for by name, not by ARN"},
	}
}

func tracing() []privilege {
	return []privilege{
		{"Role", "xray:PutTraceSegments", everything, "traces; X-Ray knows no resources"},
		{"Role", "xray:PutTelemetryRecords", everything, "and how many were left out; X-Ray knows no resources"},
	}
}

func inVPC() (all []privilege) {
	for _, action := range []string{"CreateNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets", "DeleteNetworkInterface", "AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"} {
		all = append(all, privilege{"Role", "ec2:" + action, everything, "Lambda makes network interfaces in the role's name, before their ARNs are known; the function's own code is denied it"})
	}
	return all
}

func cached() []privilege {
	return []privilege{{"Role", "elasticache:Connect", cacheAndUsr, "the cache's password is made by IAM"}}
}

func models(bucket, prefix string) []privilege {
	return []privilege{
		{"Role", "s3:GetObject", "arn:${AWS::Partition}:s3:::" + bucket + "/" + prefix + "*", "bundles"},
		{"Role", "s3:ListBucket", "arn:${AWS::Partition}:s3:::" + bucket, "which there are, below " + prefix},
	}
}

// granted are the privileges of a template.
func granted(template *stacktest.Template) (all []privilege) {
	for _, s := range template.Statements() {
		if s.Effect == "Allow" {
			for _, a := range s.Actions {
				all = append(all, privilege{s.Role, a, strings.Join(s.Resources, " "), ""})
			}
		}
	}
	return all
}

func sorted(of []privilege) []string {
	var all []string
	for _, p := range of {
		all = append(all, fmt.Sprintf("%s: %s on %s", p.role, p.action, p.on))
	}
	slices.Sort(all)
	return all
}

func privileged() map[string]struct {
	o    stack.Options
	want []privilege
} {
	type of = struct {
		o    stack.Options
		want []privilege
	}
	return map[string]of{
		"by default":                      {stack.Options{}, slices.Concat(always(), tracing(), inVPC(), cached())},
		"without a cache":                 {stack.Options{Valkey: stack.None}, slices.Concat(always(), tracing())},
		"without traces":                  {stack.Options{Valkey: stack.None, Tracing: "off"}, always()},
		"with a REST API":                 {stack.Options{FrontDoor: stack.RESTAPI, WAF: true}, slices.Concat(always(), tracing(), inVPC(), cached())},
		"with a URL":                      {stack.Options{FrontDoor: stack.FunctionURL}, slices.Concat(always(), tracing(), inVPC(), cached())},
		"with models in a bucket":         {stack.Options{Models: stack.Bucket, Valkey: stack.None}, slices.Concat(always(), tracing(), models("${ModelsBucket}", "models/"))},
		"with models in another's bucket": {stack.Options{Models: "s3://shop-models/fraud/"}, slices.Concat(always(), tracing(), inVPC(), cached(), models("shop-models", "fraud/"))},
		"in a VPC that is there":          {stack.Options{Valkey: stack.None, VPC: "vpc-0a1b2c3d", Subnets: []string{"subnet-0a1b2c3d", "subnet-1a2b3c4d"}}, slices.Concat(always(), tracing(), inVPC())},
		"with environments by the clock":  {timed, slices.Concat(always(), tracing(), inVPC(), cached())},
	}
}

func TestRolesMayDoNoMoreAndNoLess(t *testing.T) {
	for name, c := range privileged() {
		t.Run(name, func(t *testing.T) {
			template := read(t, render(t, c.o))
			if diff := cmp.Diff(sorted(c.want), sorted(granted(template))); diff != "" {
				t.Error(diff)
			}
		})
	}

	t.Run("the test sees one more and one less", func(t *testing.T) {
		text := render(t, stack.Options{})
		want := sorted(privileged()["by default"].want)
		for _, actions := range []string{`["logs:CreateLogStream", "logs:PutLogEvents", "logs:CreateLogGroup"]`, `["logs:CreateLogStream"]`} {
			mutant := strings.Replace(text, `["logs:CreateLogStream", "logs:PutLogEvents"]`, actions, 1)
			if mutant == text || cmp.Equal(want, sorted(granted(read(t, mutant)))) {
				t.Errorf("%s is not seen", actions)
			}
		}
	})

	t.Run("every combination of options has only these", func(t *testing.T) {
		known := map[string]bool{}
		for _, c := range privileged() {
			for _, p := range c.want {
				known[p.role+" "+p.action] = true
			}
		}
		all := choices()
		for _, c := range covering(t) {
			for _, p := range granted(read(t, render(t, c.options(all)))) {
				if !known[p.role+" "+p.action] {
					t.Errorf("%s: %s may %s", c, p.role, p.action)
				}
			}
		}
	})
}

// README.md has the same table, for people.
func TestPrivilegesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	actions := map[string]bool{}
	for _, c := range privileged() {
		for _, p := range c.want {
			actions[p.action] = true
		}
	}
	for _, a := range slices.Sorted(maps.Keys(actions)) {
		if !strings.Contains(string(text), "`"+a+"`") {
			t.Errorf("README.md does not say why %s", a)
		}
	}
}
