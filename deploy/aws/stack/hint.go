package stack

import (
	"fmt"
	"strings"
)

// Warnings say what o gives up, a sentence each.
func (o Options) Warnings() []string {
	o = o.filled()
	var all []string
	if o.Valkey == None {
		all = append(all, "without a shared store, history and replay cannot be had on Lambda; events are scored on empty history and marked degraded. --valkey serverless has one")
	}
	if o.Auth == None && o.FrontDoor == HTTPAPI {
		all = append(all, "--auth none: the API lets everybody in. Have besra ask who they are, by auth.keys or auth.jwt in the besra.yaml of the zip")
	}
	if o.Auth == None && o.FrontDoor == RESTAPI {
		all = append(all, "--auth none: an API key says which client it is, and proves nothing; whoever has seen one is in")
	}
	if o.Digest == "" {
		all = append(all, "neither --zip nor --digest was said: the version is called after no zip, so new code at the same key would not be published")
	}
	if o.Models == Bucket && o.Provisioned > 0 {
		all = append(all, "the bucket of models is empty at first, and environments without models do not start: deploy once without --provisioned, copy the models, and deploy with it")
	}
	if strings.HasPrefix(o.VPC, "vpc-") && o.Models != InZip && len(o.RouteTables) == 0 {
		all = append(all, "models are in S3: the subnets must have a way there, a gateway endpoint or another; --route-tables makes one")
	}
	return all
}

// Commands are the two lines that deploy a template of so many bytes: the zip goes to its bucket, and the stack is made,
// or becomes what the template says.
func (o Options) Commands(zip, template string, size int) (upload, deploy string) {
	o = o.filled()
	bucket := or(o.CodeBucket, "CODE-BUCKET")
	upload = fmt.Sprintf("aws s3 cp %s s3://%s/%s", quote(or(zip, "besra.zip")), bucket, o.Key)
	var b strings.Builder
	fmt.Fprintf(&b, "aws cloudformation deploy --stack-name %s --template-file %s --capabilities CAPABILITY_IAM", o.Name, quote(or(template, "template.yaml")))
	if size > InlineLimit {
		fmt.Fprintf(&b, " --s3-bucket %s", bucket)
	}
	b.WriteString(" --parameter-overrides")
	for _, p := range o.Parameters() {
		value := p.Value
		if p.Needs {
			value = bucket
		}
		fmt.Fprintf(&b, " %s=%s", p.Name, quote(value))
	}
	return upload, b.String()
}

// quote spells a word for a shell.
func quote(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,@%+=-") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
