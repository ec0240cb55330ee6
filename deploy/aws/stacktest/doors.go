package stacktest

import (
	"regexp"
	"slices"
	"strings"
)

// A way is one through an API to the function.
type way struct {
	Resource
	api, stage, method, path string // as in the ARN of who comes that way
}

func (w way) arn() string {
	return "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${" + w.api + "}/" + w.stage + "/" + w.method + w.path
}

var braces = regexp.MustCompile(`\{[a-z]+\}`)

// ways are the routes of HTTP APIs and the methods of REST APIs.
func (c *checker) ways() (all []way) {
	for _, r := range c.of("AWS::ApiGatewayV2::Route") {
		api, _ := c.resource(r.At("ApiId"))
		method, path, _ := strings.Cut(Text(r.At("RouteKey")), " ")
		all = append(all, way{r, api.ID, "$default", method, braces.ReplaceAllString(path, "*")})
	}
	for _, m := range c.of("AWS::ApiGateway::Method") {
		api, _ := c.resource(m.At("RestApiId"))
		path := ""
		for at, ok := c.resource(m.At("ResourceId")); ok && at.Type == "AWS::ApiGateway::Resource"; at, ok = c.resource(at.At("ParentId")) {
			path = "/" + Text(at.At("PathPart")) + path
		}
		stage := ""
		for _, s := range c.of("AWS::ApiGateway::Stage") {
			stage = Text(s.At("StageName"))
		}
		all = append(all, way{m, api.ID, stage, Text(m.At("HttpMethod")), braces.ReplaceAllString(path, "*")})
	}
	return all
}

// permissions checks who may invoke what: the alias, by one way each.
func (c *checker) permissions() {
	alias, ok := c.one("AWS::Lambda::Alias")
	if !ok {
		return
	}
	ways := c.ways()
	open := map[string]bool{}
	for _, p := range c.of("AWS::Lambda::Permission") {
		if on := Text(p.At("FunctionName")); on != "${"+alias.ID+"}" {
			c.wrong(p, "it is on %q, and not on the alias", on)
		}
		if Text(p.At("Principal")) != "apigateway.amazonaws.com" {
			continue // functionURL looks at these
		}
		c.want(p, "lambda:InvokeFunction", "Action")
		source := Text(p.At("SourceArn"))
		if !slices.ContainsFunc(ways, func(w way) bool { return w.arn() == source }) {
			c.wrong(p, "SourceArn %q is no way that there is, stage, method and path", source)
		}
		open[source] = true
	}
	for _, w := range ways {
		if !open[w.arn()] {
			c.wrong(w.Resource, "nothing permits %s", w.arn())
		}
	}
}

func (c *checker) httpAPI() {
	for _, a := range c.of("AWS::ApiGatewayV2::Authorizer") {
		c.want(a, "JWT", "AuthorizerType")
		if a.At("JwtConfiguration", "Issuer") == nil || len(list(a.At("JwtConfiguration", "Audience"))) == 0 {
			c.wrong(a, "it takes tokens of any issuer, or for any audience")
		}
		if !slices.ContainsFunc(c.of("AWS::ApiGatewayV2::Route"), func(r Resource) bool { return Text(r.At("AuthorizerId")) == "${"+a.ID+"}" }) {
			c.wrong(a, "no route has it")
		}
	}
	for _, r := range c.of("AWS::ApiGatewayV2::Route") {
		switch auth := Text(r.At("AuthorizationType")); {
		case auth == "AWS_IAM":
		case auth == "JWT" && c.refersTo(r.At("AuthorizerId"), "AWS::ApiGatewayV2::Authorizer"):
		case auth == "JWT":
			c.wrong(r, "it has no authorizer")
		case auth == "NONE" && c.facts.Open:
		default:
			c.wrong(r, "AuthorizationType is %q: anybody may come", auth)
		}
		i, ok := c.resource(strings.TrimPrefix(Text(r.At("Target")), "integrations/"))
		if !ok || !c.refersTo(i.At("IntegrationUri"), "AWS::Lambda::Alias") {
			c.wrong(r, "it does not lead to the alias")
		} else {
			c.want(i, "2.0", "PayloadFormatVersion")
		}
	}
	if kinds := c.kinds("AWS::ApiGatewayV2::Route", "AuthorizationType"); len(kinds) > 1 {
		c.found = append(c.found, "routes ask in different ways: "+strings.Join(kinds, ", "))
	}
}

// kinds are the different values of a property of all resources of a type.
func (c *checker) kinds(kind, property string) (all []string) {
	for _, r := range c.of(kind) {
		if v := Text(r.At(property)); !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

var deploymentForm = regexp.MustCompile(`^Deployment[0-9a-f]{16}$`)

func (c *checker) restAPI() {
	for _, m := range c.of("AWS::ApiGateway::Method") {
		if auth := Text(m.At("AuthorizationType")); auth != "AWS_IAM" && (auth != "NONE" || !c.facts.Open) {
			c.wrong(m, "AuthorizationType is %q: anybody may come", auth)
		}
		if m.At("ApiKeyRequired") != true {
			c.wrong(m, "it wants no key, so the usage plan does not count it")
		}
		if !strings.HasSuffix(Text(m.At("Integration", "Uri")), "/functions/${Alias}/invocations") {
			c.wrong(m, "it does not lead to the alias")
		}
	}
	for _, d := range c.of("AWS::ApiGateway::Deployment") {
		for _, m := range c.of("AWS::ApiGateway::Method") {
			if !slices.Contains(d.dependsOn(), m.ID) {
				c.wrong(d, "it does not wait for %s, and would be without it", m.ID)
			}
		}
		if !deploymentForm.MatchString(d.ID) {
			c.wrong(d, "its name has no digest, so other methods would not be deployed")
		}
	}
	for _, k := range c.of("AWS::ApiGateway::ApiKey") {
		if !slices.ContainsFunc(c.of("AWS::ApiGateway::UsagePlanKey"), func(p Resource) bool {
			return Text(p.At("KeyId")) == "${"+k.ID+"}" && c.refersTo(p.At("UsagePlanId"), "AWS::ApiGateway::UsagePlan")
		}) {
			c.wrong(k, "it is in no usage plan")
		}
	}
	for _, a := range c.of("AWS::WAFv2::WebACLAssociation") {
		if arn := Text(a.At("ResourceArn")); !strings.HasSuffix(arn, "::/restapis/${RestApi}/stages/${RestStage}") {
			c.wrong(a, "%s is no stage of a REST API", arn)
		}
	}
}

func (c *checker) functionURL() {
	for _, u := range c.of("AWS::Lambda::Url") {
		c.want(u, "AWS_IAM", "AuthType")
		c.want(u, "live", "Qualifier")
		if !slices.Contains(u.dependsOn(), "Alias") {
			c.wrong(u, "it does not depend on the alias, which it would not find")
		}
		var url, function bool
		for _, p := range c.of("AWS::Lambda::Permission") {
			if Text(p.At("Principal")) == "*" {
				c.wrong(p, "it is everybody's")
			}
			url = url || Text(p.At("Action")) == "lambda:InvokeFunctionUrl" && Text(p.At("FunctionUrlAuthType")) == "AWS_IAM"
			function = function || Text(p.At("Action")) == "lambda:InvokeFunction" && p.At("InvokedViaFunctionUrl") == true
		}
		if !url || !function {
			c.wrong(u, "it needs lambda:InvokeFunctionUrl and, by a URL, lambda:InvokeFunction, or it answers 403")
		}
	}
}

// throttles checks that rates are above 0.
func (c *checker) throttles() {
	positive := func(r Resource, v any, what string) {
		if n, ok := c.number(v); !ok || n < 1 {
			c.wrong(r, "%s %s is below 1", what, Text(v))
		}
	}
	for _, s := range c.of("AWS::ApiGatewayV2::Stage") {
		c.want(s, "$default", "StageName")
		positive(s, s.At("DefaultRouteSettings", "ThrottlingRateLimit"), "ThrottlingRateLimit")
		positive(s, s.At("DefaultRouteSettings", "ThrottlingBurstLimit"), "ThrottlingBurstLimit")
	}
	for _, s := range c.of("AWS::ApiGateway::Stage") {
		for _, m := range list(s.At("MethodSettings")) {
			positive(s, at(m, "ThrottlingRateLimit"), "ThrottlingRateLimit")
			positive(s, at(m, "ThrottlingBurstLimit"), "ThrottlingBurstLimit")
		}
	}
	for _, p := range c.of("AWS::ApiGateway::UsagePlan") {
		positive(p, p.At("Throttle", "RateLimit"), "RateLimit")
		positive(p, p.At("Throttle", "BurstLimit"), "BurstLimit")
		if p.At("Quota") != nil {
			positive(p, p.At("Quota", "Limit"), "Quota.Limit")
		}
	}
}
