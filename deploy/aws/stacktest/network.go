package stacktest

import (
	"slices"
	"strings"
)

// network checks who can reach whom.
func (c *checker) network() {
	for _, kind := range []string{"AWS::EC2::NatGateway", "AWS::EC2::InternetGateway"} {
		for _, r := range c.of(kind) {
			c.wrong(r, "nothing here needs the internet")
		}
	}
	for _, e := range c.of("AWS::EC2::VPCEndpoint") {
		c.want(e, "Gateway", "VpcEndpointType")
		c.want(e, "com.amazonaws.${AWS::Region}.s3", "ServiceName")
	}
	for _, g := range c.of("AWS::EC2::SecurityGroup") {
		for _, rule := range list(g.At("SecurityGroupIngress")) {
			c.ingress(g, rule)
		}
		out := list(g.At("SecurityGroupEgress"))
		if len(out) == 0 {
			c.wrong(g, "without a rule for what goes out, all may")
		}
		for _, rule := range out {
			c.egress(g, rule)
		}
	}
	for _, r := range c.of("AWS::EC2::SecurityGroupIngress") {
		c.ingress(r, r.Properties)
	}
	for _, r := range c.of("AWS::EC2::SecurityGroupEgress") {
		c.egress(r, r.Properties)
	}
}

func (c *checker) ingress(r Resource, rule any) {
	if from := at(rule, "SourceSecurityGroupId"); from == nil {
		c.wrong(r, "it lets in whoever is not a security group: %s%s", Text(at(rule, "CidrIp")), Text(at(rule, "CidrIpv6")))
	}
	if from, to := Text(at(rule, "FromPort")), Text(at(rule, "ToPort")); Text(at(rule, "IpProtocol")) != "tcp" || from != "6379" || to != "6380" {
		c.wrong(r, "it lets in more than Valkey's ports: %s to %s", from, to)
	}
}

func (c *checker) egress(r Resource, rule any) {
	cidr := Text(at(rule, "CidrIp"))
	https := Text(at(rule, "IpProtocol")) == "tcp" && Text(at(rule, "FromPort")) == "443" && Text(at(rule, "ToPort")) == "443"
	switch {
	case cidr == "127.0.0.1/32", cidr == "0.0.0.0/0" && https:
	case cidr == "" && at(rule, "CidrIpv6") == nil && at(rule, "DestinationSecurityGroupId") != nil:
	default:
		c.wrong(r, "it lets out more than to the cache, and to S3 by HTTPS: %s%s", cidr, Text(at(rule, "CidrIpv6")))
	}
}

// cache checks the cache, and that the function finds it and may.
func (c *checker) cache() {
	f, ok := c.one("AWS::Lambda::Function")
	if !ok {
		return
	}
	v := func(name string) string { return Text(f.At("Environment", "Variables", name)) }
	caches := c.of("AWS::ElastiCache::ServerlessCache")
	if len(caches) == 0 && v("BESRA_VALKEY_ADDRESS") != "" {
		c.wrong(f, "BESRA_VALKEY_ADDRESS is that of no cache")
	}
	for _, cache := range caches {
		c.want(cache, "valkey", "Engine")
		for variable, want := range map[string]string{
			"BESRA_VALKEY_ADDRESS": "${" + cache.ID + ".Endpoint.Address}:${" + cache.ID + ".Endpoint.Port}",
			"BESRA_VALKEY_TLS":     "true", "BESRA_VALKEY_IAM_SERVERLESS": "true",
			"BESRA_VALKEY_IAM_CACHE": Text(cache.At("ServerlessCacheName")),
		} {
			if v(variable) != want {
				c.wrong(f, "%s is %q, and not %q", variable, v(variable), want)
			}
		}
		if len(list(f.At("VpcConfig", "SubnetIds"))) < 2 {
			c.wrong(f, "it is not where the cache is")
		}
		group, ok := c.resource(cache.At("UserGroupId"))
		if !ok || group.Type != "AWS::ElastiCache::UserGroup" {
			c.wrong(cache, "it has no group of users, so anybody in the network may ask it")
			continue
		}
		c.want(group, "valkey", "Engine")
		for _, id := range list(group.At("UserIds")) {
			user, _ := c.resource(id)
			c.want(user, "valkey", "Engine")
			c.want(user, "iam", "AuthenticationMode", "Type")
			c.want(user, Text(user.At("UserId")), "UserName") // as IAM has it
			c.want(user, v("BESRA_VALKEY_USER"), "UserName")
			if access := " " + Text(user.At("AccessString")) + " "; !strings.HasPrefix(access, " on ~besra:* ") || strings.Contains(access, "+@all") || !strings.Contains(access, " -@dangerous ") {
				c.wrong(user, "it may do more than besra needs:%s", access)
			}
		}
		c.secret(f)
	}
}

// secret checks the key of hashes: what besra reads, 64 hexadecimal digits, resolved when the stack is deployed.
func (c *checker) secret(f Resource) {
	s, ok := c.resource(f.At("Environment", "Variables", "BESRA_STATE_ENTITY_KEY"))
	if !ok || s.Type != "AWS::SecretsManager::Secret" {
		c.wrong(f, "BESRA_STATE_ENTITY_KEY is no secret")
		return
	}
	if got, want := Text(f.At("Environment", "Variables", "BESRA_STATE_ENTITY_KEY")), "{{resolve:secretsmanager:${"+s.ID+"}}}"; got != want {
		c.wrong(f, "BESRA_STATE_ENTITY_KEY is %q, and not %q", got, want)
	}
	how := s.At("GenerateSecretString")
	left := at(how, "ExcludeCharacters")
	hex := at(how, "ExcludePunctuation") == true && at(how, "ExcludeUppercase") == true && at(how, "IncludeSpace") != true && Text(left) == "ghijklmnopqrstuvwxyz"
	if n, _ := at(how, "PasswordLength").(float64); !hex || n < 32 || n > 500 || int(n)%2 != 0 {
		c.wrong(s, "what is made is not 32 or more hexadecimal digits")
	}
	c.retained(s)
}

// retained checks that a resource outlives its stack.
func (c *checker) retained(r Resource) {
	if r.body["DeletionPolicy"] != "Retain" || r.body["UpdateReplacePolicy"] != "Retain" {
		c.wrong(r, "it would be deleted with the stack")
	}
}

// buckets checks that buckets are private, and stay.
func (c *checker) buckets() {
	for _, b := range c.of("AWS::S3::Bucket") {
		for _, what := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
			c.want(b, "true", "PublicAccessBlockConfiguration", what)
		}
		c.want(b, "Enabled", "VersioningConfiguration", "Status")
		if algorithm := Text(at(first(b.At("BucketEncryption", "ServerSideEncryptionConfiguration")), "ServerSideEncryptionByDefault", "SSEAlgorithm")); algorithm != "AES256" && algorithm != "aws:kms" {
			c.wrong(b, "it is not encrypted")
		}
		c.retained(b)
		if !slices.ContainsFunc(c.of("AWS::S3::BucketPolicy"), func(p Resource) bool {
			if Text(p.At("Bucket")) != "${"+b.ID+"}" {
				return false
			}
			return slices.ContainsFunc(list(p.At("PolicyDocument", "Statement")), func(s any) bool {
				return Text(at(s, "Effect")) == "Deny" && Text(at(s, "Action")) == "s3:*" && Text(at(s, "Principal")) == "*" &&
					Text(at(s, "Resource")) == "[${"+b.ID+".Arn} ${"+b.ID+".Arn}/*]" && Text(at(s, "Condition", "Bool", "aws:SecureTransport")) == "false"
			})
		}) {
			c.wrong(b, "no policy refuses connections that are not encrypted")
		}
	}
}

func first(v any) any {
	if l := list(v); len(l) > 0 {
		return l[0]
	}
	return nil
}
