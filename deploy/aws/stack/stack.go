// Package stack makes the CloudFormation template of besra on AWS: API Gateway, Lambda, ElastiCache, CloudWatch, X-Ray.
//
// The template is plain CloudFormation, without transforms and macros. It is laid together of the pieces in parts, each a
// readable file for one concern: what an option asks for is laid over what is there.
package stack

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The goal of go generate is the template as it comes without options, for people to read.
//go:generate go run ../../../cmd/besra aws template --quiet -o ../template.yaml

// InlineLimit is the most bytes of a template that CloudFormation takes without a bucket.
const InlineLimit = 51_200

//go:embed parts/*.yaml
var parts embed.FS

// Render returns the template that o asks for, the same bytes for the same options, or the error of o.Check.
func Render(o Options) ([]byte, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	d := &draft{o: o.filled()}
	d.base()
	d.door()
	d.network()
	d.cache()
	d.models()
	d.capacity()
	d.watch()
	d.values()
	if d.err != nil {
		return nil, fmt.Errorf("template: %w", d.err) // a mistake in one of the pieces
	}
	return d.text(), nil
}

// A draft is a template in the making.
type draft struct {
	o   Options
	t   outline
	err error // the first
}

// lay lays a piece over what is there. In it, words are replaced: old, new, old, new.
func (d *draft) lay(part string, words ...string) {
	text, err := parts.ReadFile("parts/" + part + ".yaml")
	if err == nil {
		var piece outline
		if piece, err = parseOutline(strings.NewReplacer(words...).Replace(string(text))); err == nil {
			d.t.lay(piece)
		}
	}
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%s: %w", part, err)
	}
}

// set gives the entry that path leads to another value, as YAML has it.
func (d *draft) set(value string, path ...string) {
	last := len(path) - 1
	parent := d.t.at(path[:last]...)
	if parent == nil {
		if d.err == nil {
			d.err = fmt.Errorf("there is no %s", strings.Join(path[:last], "."))
		}
		return
	}
	head := path[last] + ": " + value
	if e := parent.below.find(path[last]); e != nil {
		e.head, e.below = head, nil
		return
	}
	parent.below = append(parent.below, &entry{head: head})
}

// parameter gives a parameter a default, if there is such a parameter.
func (d *draft) parameter(name, value string) {
	if d.t.at("Parameters", name) != nil {
		d.set(value, "Parameters", name, "Default")
	}
}

func (d *draft) base() {
	d.lay("base")
	d.lay("function")
	if d.o.Tracing == "active" {
		d.lay("tracing")
	} else {
		d.set("PassThrough", "Resources", "Function", "Properties", "TracingConfig", "Mode")
	}
	if d.o.Reserved > 0 {
		d.lay("reserved")
	}
	p := func(name string) []string { return []string{"Resources", "Function", "Properties", name} }
	d.set("["+d.o.Arch+"]", p("Architectures")...)
	d.set(strconv.Itoa(d.o.Memory), p("MemorySize")...)
	d.set(strconv.Itoa(d.o.Timeout), p("Timeout")...)
	d.variable("BESRA_LAMBDA_EVENT", d.o.FrontDoor)
	if d.o.Digest != "" {
		sum, _ := hex.DecodeString(d.o.Digest) // which Check has done
		d.set(strconv.Quote(base64.StdEncoding.EncodeToString(sum)), "Resources", versionID, "Properties", "CodeSha256")
	}
}

// variable gives the function an environment variable, as YAML has it.
func (d *draft) variable(name, value string) {
	d.set(value, "Resources", "Function", "Properties", "Environment", "Variables", name)
}

// door lays what stands before the function. Its integration waits a second longer than the function may take.
func (d *draft) door() {
	timeout := strconv.Itoa(min(d.o.Timeout*1000+1000, maxTimeout*1000))
	switch d.o.FrontDoor {
	case HTTPAPI:
		d.lay("throttle")
		d.lay("http-api")
		d.set(timeout, "Resources", "HttpIntegration", "Properties", "TimeoutInMillis")
		if d.o.Auth != None {
			d.lay("http-" + d.o.Auth)
		}
		for _, r := range routes() {
			d.lay("http-route", "ROUTE_ID", r.id, "ROUTE_METHOD", r.method, "ROUTE_PATH", r.path, "ROUTE_ARN", r.arn())
			at := []string{"Resources", r.id + "Route", "Properties"}
			d.set(map[string]string{IAM: "AWS_IAM", JWT: "JWT", None: "NONE"}[d.o.Auth], append(at, "AuthorizationType")...)
			if d.o.Auth == JWT {
				d.set("!Ref JwtAuthorizer", append(at, "AuthorizerId")...)
			}
		}
	case RESTAPI:
		d.lay("throttle")
		d.lay("rest-api")
		auth := "NONE"
		if d.o.Auth == IAM {
			auth = "AWS_IAM"
			d.lay("rest-iam")
		}
		for _, n := range nodes() {
			d.lay("rest-resource", "NODE_ID", n.id, "NODE_PARENT", n.parent, "NODE_PART", n.part)
		}
		for _, r := range routes() {
			d.lay("rest-method", "ROUTE_ID", r.id, "ROUTE_METHOD", r.method, "ROUTE_ARN", r.arn(), "ROUTE_AUTH", auth, "NODE_ID", r.node())
			d.set(timeout, "Resources", r.id+"Method", "Properties", "Integration", "TimeoutInMillis")
		}
		for _, k := range d.o.APIKeys {
			d.lay("rest-key", "KEY_ID", "Key"+name(k), "KEY_NAME", k)
		}
		if d.o.Quota != "" {
			d.lay("rest-quota")
		}
		if d.o.WAF {
			d.lay("waf")
		}
	case FunctionURL:
		d.lay("function-url")
	}
}

// network lays the VPC, and the function's part of it.
func (d *draft) network() {
	if d.o.VPC == None {
		return
	}
	vpc, subnets, groups := d.o.VPC, d.o.Subnets, d.o.SecurityGroups
	if vpc == New {
		d.lay("network")
		d.set(d.o.CIDR, "Resources", "Vpc", "Properties", "CidrBlock")
		vpc, subnets = "!Ref Vpc", []string{"!Ref SubnetA", "!Ref SubnetB"}
	}
	if groups == nil {
		d.lay("security-group", "VPC_ID", vpc)
		groups = []string{"!Ref SecurityGroup"}
	}
	d.lay("vpc")
	d.set(list(subnets), "Resources", "Function", "Properties", "VpcConfig", "SubnetIds")
	d.set(list(groups), "Resources", "Function", "Properties", "VpcConfig", "SecurityGroupIds")
	if d.o.Valkey == Serverless {
		d.lay("cache", "VPC_ID", vpc)
		d.set(list(subnets), "Resources", "Cache", "Properties", "SubnetIds")
		for _, g := range groups {
			d.lay("cache-ingress", "GROUP_ID", g)
		}
		if d.o.SecurityGroups == nil {
			d.lay("egress-cache")
		}
	}
	if d.o.Models == InZip {
		return
	}
	if d.o.SecurityGroups == nil {
		d.lay("egress-s3")
	}
	switch {
	case d.o.VPC == New:
		d.lay("s3-endpoint", "VPC_ID", vpc, "ROUTE_TABLES", "[!Ref RouteTable]")
		d.lay("s3-endpoint-policy", d.modelWords()...)
	case len(d.o.RouteTables) > 0: // where others may have other buckets, so it is open to all
		d.lay("s3-endpoint", "VPC_ID", vpc, "ROUTE_TABLES", list(d.o.RouteTables))
	}
}

func list(items []string) string { return "[" + strings.Join(items, ", ") + "]" }

func (d *draft) cache() {
	if d.o.CacheECPUMin > 0 {
		d.lay("cache-minimum")
	}
}

// modelWords are what pieces about models have replaced.
func (d *draft) modelWords() []string {
	bucket, prefix := "${ModelsBucket}", "models/"
	if address, ok := strings.CutPrefix(d.o.Models, "s3://"); ok {
		bucket, prefix, _ = strings.Cut(address, "/")
		prefix = strings.TrimSuffix(prefix, "/") + "/"
	}
	return []string{"MODELS_BUCKET", bucket, "MODELS_PREFIX", prefix}
}

func (d *draft) models() {
	if d.o.Models == InZip {
		return
	}
	if d.o.Models == Bucket {
		d.lay("bucket", d.modelWords()...)
	}
	d.lay("models", d.modelWords()...)
	if d.o.Models != Bucket {
		d.variable("BESRA_MODELS_DIR", d.o.Models)
	}
}

// capacity lays the environments that are ready.
func (d *draft) capacity() {
	if d.o.Provisioned == 0 {
		return
	}
	d.lay("provisioned")
	if len(d.o.Schedule) == 0 {
		return
	}
	d.lay("schedule")
	for i, c := range d.o.Schedule {
		d.lay("schedule-action", "ACTION_NAME", "time-"+strconv.Itoa(i+1), "ACTION_CRON", strconv.Quote("cron("+c.Cron+")"),
			"ACTION_ZONE", d.o.ScheduleZone, "ACTION_CAPACITY", strconv.Itoa(c.Environments))
	}
}

// watch lays releases, alarms and the dashboard.
func (d *draft) watch() {
	d.lay("release")
	d.set("CodeDeployDefault."+releases()[d.o.Release], "Resources", "ReleaseGroup", "Properties", "DeploymentConfigName")
	limit := "AccountConcurrency"
	if d.o.Reserved > 0 {
		limit = "ReservedConcurrency"
	}
	d.lay("alarms", "CONCURRENCY_LIMIT", limit)
	d.lay("alarms-" + d.o.FrontDoor)
	if d.o.Valkey == Serverless {
		d.lay("alarms-degraded") // without a cache every event is, and no version would ever take the alias
		d.lay("alarms-cache")
	}
	if d.o.Provisioned > 0 {
		d.lay("alarms-provisioned")
	}
	if !d.o.WithoutBoard {
		d.board()
	}
}

// values gives parameters their defaults, and the function further settings.
func (d *draft) values() {
	o := d.o
	for _, s := range slices.Sorted(maps.Keys(o.Settings)) {
		d.variable(variable(s), strconv.Quote(o.Settings[s]))
	}
	for _, p := range o.Parameters() {
		if p.Value != "" {
			d.parameter(p.Name, p.yaml())
		}
	}
}

// The names that stand in pieces for those of what never changes and is made anew.
const (
	versionID    = "VERSION_ID"
	deploymentID = "DEPLOYMENT_ID"
)

// text writes the template.
func (d *draft) text() []byte {
	return []byte(strings.NewReplacer(versionID, d.version(), deploymentID, d.deployment()).Replace(d.t.String()))
}

// version is the name of the function's version: by the zip, and by what else of the function a version keeps. Were it
// the same for another function, Lambda's alias would stay with the old one; were it another for the same function,
// CloudFormation would fail, as there is such a version.
func (d *draft) version() string {
	of := sha256.New()
	for _, e := range d.t.at("Resources", "Function", "Properties").below {
		if key := e.key(); key != "ReservedConcurrentExecutions" && key != "Description" {
			fmt.Fprint(of, outline{e.bare()})
		}
	}
	if d.o.VPC == New {
		fmt.Fprintln(of, d.o.CIDR)
	}
	return "Version" + or(d.o.Digest, strings.Repeat("0", 16))[:16] + hex.EncodeToString(of.Sum(nil))[:8]
}

// deployment is the name of the REST API's deployment: by its paths and methods.
func (d *draft) deployment() string {
	of := sha256.New()
	for _, e := range d.t.at("Resources").below {
		switch kind := e.below.find("Type"); kind.head {
		case "Type: AWS::ApiGateway::RestApi", "Type: AWS::ApiGateway::Resource", "Type: AWS::ApiGateway::Method":
			fmt.Fprint(of, outline{e.bare()})
		}
	}
	return "Deployment" + hex.EncodeToString(of.Sum(nil))[:16]
}

// bare returns e without comments.
func (e *entry) bare() *entry {
	b := &entry{head: e.head, text: e.text}
	for _, below := range e.below {
		b.below = append(b.below, below.bare())
	}
	return b
}
