package stacktest

import (
	"regexp"
	"slices"
	"strings"
)

// What CloudWatch takes: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html.
var retentions = []float64{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

func (c *checker) function() {
	f, ok := c.one("AWS::Lambda::Function")
	if !ok {
		return
	}
	c.want(f, "provided.al2023", "Runtime")
	c.want(f, "bootstrap", "Handler")
	c.want(f, "JSON", "LoggingConfig", "LogFormat")
	if level := Text(f.At("LoggingConfig", "ApplicationLogLevel")); level != "INFO" && level != "DEBUG" && level != "TRACE" {
		c.wrong(f, "the level %s drops lines without one, as those of metrics are", level)
	}
	if n, ok := c.number(f.At("MemorySize")); !ok || n < 128 || n > 10_240 || n != float64(int(n)) {
		c.wrong(f, "MemorySize %v is not within 128 and 10240", f.At("MemorySize"))
	}
	timeout, ok := c.number(f.At("Timeout"))
	if !ok || timeout < 1 || timeout > 29 {
		c.wrong(f, "Timeout %v is not within 1 and 29", f.At("Timeout"))
	}
	for _, r := range c.Resources {
		for _, path := range [][]string{{"TimeoutInMillis"}, {"Integration", "TimeoutInMillis"}} {
			if n, ok := r.At(path...).(float64); ok && (n < 1000*timeout || n > 29_000) {
				c.wrong(r, "it gives up after %v ms, while the function may take %v s", n, timeout)
			}
		}
	}
	if arch := Text(f.At("Architectures")); arch != "[arm64]" && arch != "[x86_64]" {
		c.wrong(f, "Architectures are %s", arch)
	}
	if mode := Text(f.At("TracingConfig", "Mode")); mode != "Active" && mode != "PassThrough" {
		c.wrong(f, "TracingConfig.Mode is %q", mode)
	}
	if v := f.At("ReservedConcurrentExecutions"); v != nil {
		if n, ok := c.number(v); !ok || n < 1 {
			c.wrong(f, "ReservedConcurrentExecutions %s is below 1: nothing would be answered", Text(v))
		}
	}
	c.logGroup(f)
}

// logGroup checks that the function writes to a log of the template, which it may.
func (c *checker) logGroup(f Resource) {
	g, ok := c.resource(f.At("LoggingConfig", "LogGroup"))
	if !ok || g.Type != "AWS::Logs::LogGroup" {
		c.wrong(f, "LoggingConfig.LogGroup is %q, which is no log of this template", Text(f.At("LoggingConfig", "LogGroup")))
		return
	}
	if name, want := Text(g.At("LogGroupName")), "/aws/lambda/"+Text(f.At("FunctionName")); name != want {
		c.wrong(g, "LogGroupName is %q, and not %q, where people look for it", name, want)
	}
	if n, ok := c.number(g.At("RetentionInDays")); !ok || !slices.Contains(retentions, n) {
		c.wrong(g, "RetentionInDays %s is not among those that CloudWatch takes", Text(g.At("RetentionInDays")))
	}
	if !slices.ContainsFunc(c.statements(f), func(s Statement) bool {
		return s.Effect == "Allow" && slices.Contains(s.Actions, "logs:PutLogEvents") && slices.Equal(s.Resources, []string{"${" + g.ID + ".Arn}"})
	}) {
		c.wrong(f, "its role may not write to %s", g.ID)
	}
}

// variables checks the function's environment.
func (c *checker) variables() {
	f, ok := c.one("AWS::Lambda::Function")
	if !ok {
		return
	}
	byVariable := map[string]func(string) error{}
	for name, take := range c.facts.Settings {
		byVariable["BESRA_"+strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = take
	}
	vars, _ := f.At("Environment", "Variables").(map[string]any)
	size := 0
	for name, v := range vars {
		size += len(name) + len(Text(v))
		take, known := byVariable[name]
		switch {
		case !known:
			c.wrong(f, "besra has no setting for %s", name)
		case strings.Contains(Text(v), "${"): // known when it is deployed
		default:
			if err := take(Text(v)); err != nil {
				c.wrong(f, "%s: %v", name, err)
			}
		}
	}
	if size > 4096-500 { // and what references become
		c.wrong(f, "its variables have %d bytes, and Lambda takes 4096", size)
	}
	door := map[string]string{"AWS::ApiGatewayV2::Api": "http-api", "AWS::ApiGateway::RestApi": "rest-api", "AWS::Lambda::Url": "function-url"}
	for kind, event := range door {
		if len(c.of(kind)) > 0 && Text(vars["BESRA_LAMBDA_EVENT"]) != event {
			c.wrong(f, "BESRA_LAMBDA_EVENT is %q, and the door is %s", Text(vars["BESRA_LAMBDA_EVENT"]), event)
		}
	}
	if Text(vars["BESRA_EMF_NAMESPACE"]) != "besra" {
		c.wrong(f, "BESRA_EMF_NAMESPACE is not besra, which alarms and dashboard look at")
	}
}

var versionForm = regexp.MustCompile(`^Version[0-9a-f]{24}$`)

// version checks that the alias is at a version whose name has digests.
func (c *checker) version() {
	a, ok := c.one("AWS::Lambda::Alias")
	if !ok {
		return
	}
	c.want(a, "live", "Name")
	v, ok := c.resource(a.At("FunctionVersion"))
	if !ok || v.Type != "AWS::Lambda::Version" || Text(a.At("FunctionVersion")) != "${"+v.ID+".Version}" {
		c.wrong(a, "it is at %q, which is no version of this template", Text(a.At("FunctionVersion")))
		return
	}
	if !versionForm.MatchString(v.ID) {
		c.wrong(v, "its name has no digests, so new code would not be published")
	}
	if v.body["DeletionPolicy"] != "Retain" {
		c.wrong(v, "it goes with the next one, and cannot be gone back to")
	}
	if v.At("ProvisionedConcurrencyConfig") != nil {
		c.wrong(v, "provisioned concurrency belongs to the alias")
	}
}

// capacity checks the environments that are ready.
func (c *checker) capacity() {
	for _, a := range c.of("AWS::Lambda::Alias") {
		if p := a.At("ProvisionedConcurrencyConfig"); p != nil {
			v := at(p, "ProvisionedConcurrentExecutions")
			if n, ok := c.number(v); !ok || n < 1 {
				c.wrong(a, "ProvisionedConcurrentExecutions %s is below 1", Text(v))
			}
		}
	}
	for _, s := range c.of("AWS::ApplicationAutoScaling::ScalableTarget") {
		alias, ok := c.one("AWS::Lambda::Alias")
		if !ok {
			return
		}
		if !slices.Contains(s.dependsOn(), alias.ID) {
			c.wrong(s, "it does not depend on %s, which it would not find", alias.ID)
		}
		c.want(s, "function:"+Text(alias.At("FunctionName"))+":"+Text(alias.At("Name")), "ResourceId")
		if role := Text(s.At("RoleARN")); !strings.HasSuffix(role, ":role/aws-service-role/lambda.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency") {
			c.wrong(s, "RoleARN %s is not the service's own", role)
		}
		actions := list(s.At("ScheduledActions"))
		if len(actions) == 0 {
			c.wrong(s, "it has nothing to do")
		}
		for _, a := range actions {
			if spec := Text(at(a, "Schedule")); !isCron(spec) {
				c.wrong(s, "%s is no cron of six fields", spec)
			}
			low, ok := at(a, "ScalableTargetAction", "MinCapacity").(float64)
			high, ok2 := at(a, "ScalableTargetAction", "MaxCapacity").(float64)
			if !ok || !ok2 || low < 0 || low > high {
				c.wrong(s, "%s: from %v to %v", Text(at(a, "ScheduledActionName")), low, high)
			}
		}
	}
}

func isCron(spec string) bool {
	inner, ok := strings.CutPrefix(spec, "cron(")
	inner, closed := strings.CutSuffix(inner, ")")
	fields := strings.Fields(inner)
	return ok && closed && len(fields) == 6 && (fields[2] == "?") != (fields[4] == "?")
}
