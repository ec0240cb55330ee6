package stacktest

import (
	"slices"
	"strings"
)

// A Statement is one of a role's policies.
type Statement struct {
	Role, Policy string
	Effect       string
	Actions      []string
	Resources    []string // as Text spells them
	Condition    string
}

// Statements returns all that the roles of a template may do.
func (t *Template) Statements() (all []Statement) {
	for _, r := range t.of("AWS::IAM::Role") {
		for _, p := range list(r.At("Policies")) {
			for _, s := range list(at(p, "PolicyDocument", "Statement")) {
				all = append(all, Statement{
					r.ID, Text(at(p, "PolicyName")), Text(at(s, "Effect")), texts(at(s, "Action")), texts(at(s, "Resource")), Text(at(s, "Condition")),
				})
			}
		}
	}
	return all
}

func texts(v any) (all []string) {
	for _, item := range list(v) {
		all = append(all, Text(item))
	}
	return all
}

// statements are those of the role of a function.
func (t *Template) statements(f Resource) (all []Statement) {
	role, _ := t.resource(f.At("Role"))
	for _, s := range t.Statements() {
		if s.Role == role.ID {
			all = append(all, s)
		}
	}
	return all
}

// Anywhere are the actions that AWS grants on "*" alone, or before the ARN is known, with the reason.
func Anywhere() map[string]string {
	interfaces := "Lambda makes network interfaces in the role's name, before their ARNs are known; the function's own code is denied it"
	traces := "X-Ray knows no resources"
	return map[string]string{
		"ec2:CreateNetworkInterface": interfaces, "ec2:DescribeNetworkInterfaces": interfaces, "ec2:DescribeSubnets": interfaces,
		"ec2:DeleteNetworkInterface": interfaces, "ec2:AssignPrivateIpAddresses": interfaces, "ec2:UnassignPrivateIpAddresses": interfaces,
		"xray:PutTraceSegments": traces, "xray:PutTelemetryRecords": traces,
	}
}

// policies checks that roles may do little.
func (c *checker) policies() {
	anywhere := Anywhere()
	for _, r := range c.of("AWS::IAM::Role") {
		if arns := r.At("ManagedPolicyArns"); arns != nil {
			c.wrong(r, "managed policies grant more than is needed: %s", Text(arns))
		}
		trust := list(r.At("AssumeRolePolicyDocument", "Statement"))
		if len(trust) != 1 || !strings.HasSuffix(Text(at(first(trust), "Principal", "Service")), ".amazonaws.com") {
			c.wrong(r, "it is to be assumed by one service, and nobody else")
		}
	}
	var denied []string
	for _, s := range c.Statements() {
		if s.Effect == "Deny" && strings.Contains(s.Condition, "lambda:SourceFunctionArn") {
			denied = append(denied, s.Actions...)
		}
	}
	for _, s := range c.Statements() {
		r := Resource{ID: s.Role + " " + s.Policy}
		if s.Effect != "Allow" {
			continue
		}
		for _, a := range s.Actions {
			if strings.Contains(a, "*") {
				c.wrong(r, "%s is more than one action", a)
			}
			if slices.Contains(s.Resources, "*") && anywhere[a] == "" {
				c.wrong(r, "%s is allowed on all resources", a)
			}
			if strings.HasPrefix(a, "ec2:") && !slices.Contains(denied, a) {
				c.wrong(r, "%s is allowed to the function's own code", a)
			}
			if a == "s3:ListBucket" && !strings.Contains(s.Condition, "s3:prefix") {
				c.wrong(r, "it lists all of the bucket")
			}
		}
		for _, on := range s.Resources {
			if strings.HasPrefix(on, "arn:${AWS::Partition}:s3:::") && strings.Trim(on[len("arn:${AWS::Partition}:s3:::"):], "*/") == "" {
				c.wrong(r, "%s is every bucket", on)
			}
		}
	}
	for _, p := range c.of("AWS::SNS::TopicPolicy") {
		for _, s := range list(p.At("PolicyDocument", "Statement")) {
			if Text(at(s, "Principal", "Service")) != "cloudwatch.amazonaws.com" || !strings.Contains(Text(at(s, "Condition")), "aws:SourceAccount") {
				c.wrong(p, "others than this account's alarms may publish")
			}
		}
	}
}

// release checks that alarms bring a version back.
func (c *checker) release() {
	a, ok := c.one("AWS::Lambda::Alias")
	if !ok {
		return
	}
	update := at(a.body, "UpdatePolicy", "CodeDeployLambdaAliasUpdate")
	if update == nil {
		return // all at once, by CloudFormation
	}
	if !c.refersTo(at(update, "ApplicationName"), "AWS::CodeDeploy::Application") || !c.refersTo(at(update, "DeploymentGroupName"), "AWS::CodeDeploy::DeploymentGroup") {
		c.wrong(a, "UpdatePolicy names nothing that deploys")
	}
	for _, g := range c.of("AWS::CodeDeploy::DeploymentGroup") {
		config, ok := strings.CutPrefix(Text(g.At("DeploymentConfigName")), "CodeDeployDefault.Lambda")
		if !ok || !slices.Contains([]string{
			"AllAtOnce", "Canary10Percent5Minutes", "Canary10Percent10Minutes", "Canary10Percent15Minutes", "Canary10Percent30Minutes",
			"Linear10PercentEvery1Minute", "Linear10PercentEvery2Minutes", "Linear10PercentEvery3Minutes", "Linear10PercentEvery10Minutes",
		}, config) {
			c.wrong(g, "CodeDeploy has no %q", Text(g.At("DeploymentConfigName")))
		}
		c.want(g, "BLUE_GREEN", "DeploymentStyle", "DeploymentType")
		c.want(g, "WITH_TRAFFIC_CONTROL", "DeploymentStyle", "DeploymentOption")
		if g.At("AutoRollbackConfiguration", "Enabled") != true || !strings.Contains(Text(g.At("AutoRollbackConfiguration", "Events")), "DEPLOYMENT_STOP_ON_ALARM") {
			c.wrong(g, "an alarm would not bring the version back")
		}
		watched := list(g.At("AlarmConfiguration", "Alarms"))
		if len(watched) == 0 || g.At("AlarmConfiguration", "Enabled") != true {
			c.wrong(g, "it looks at no alarm")
		}
		for _, alarm := range watched {
			if !c.refersTo(at(alarm, "Name"), "AWS::CloudWatch::Alarm") {
				c.wrong(g, "%q is no alarm of this template", Text(at(alarm, "Name")))
			}
		}
	}
}
