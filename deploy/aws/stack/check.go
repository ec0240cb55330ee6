package stack

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// What AWS takes.
const (
	maxMemory      = 10_240 // MB
	minMemory      = 128
	maxTimeout     = 29 // s, as API Gateway does not wait longer
	maxConcurrency = 1_000_000
	maxRate        = 1_000_000
	maxKeys        = 20 // clients of one stack's usage plan, to keep the template below its limit
	maxActions     = 20
	maxECPU        = 15_000_000
	minECPU        = 1_000
	maxStorage     = 5_000 // GB
	maxSettings    = 2_000 // bytes of variables, of the 4 KB that Lambda takes
)

// Check returns what is wrong with o, if anything is: the option, its value, and what is allowed.
func (o Options) Check() error {
	o = o.filled()
	for _, check := range []func() error{o.checkName, o.checkDoor, o.checkAuth, o.checkFunction, o.checkSettings, o.checkCapacity, o.checkCache, o.checkModels, o.checkNetwork, o.checkWatch} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// Letters that words are made of.
const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
	letters = lower + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + digits
)

// only reports whether text is a word of these letters, of so many at most.
func only(text, letters string, most int) bool {
	return text != "" && len(text) <= most && strings.Trim(text, letters) == ""
}

// isName reports whether text is lower case, with single dashes between, as ElastiCache wants it.
func isName(text string) bool {
	return only(text, lower+digits+"-", 30) && strings.Contains(lower, text[:1]) && !strings.HasSuffix(text, "-") && !strings.Contains(text, "--")
}

func isDigest(text string) bool { return len(text) == 64 && only(text, "0123456789abcdef", 64) }

func isBucket(text string) bool {
	return len(text) >= 3 && only(text, lower+digits+".-", 63) && strings.Contains(lower+digits, text[:1]) && strings.Contains(lower+digits, text[len(text)-1:])
}

// isCaller reports whether text is an account, or the ARN of an account, a role or a user.
func isCaller(text string) bool {
	account := func(text string) bool { return len(text) == 12 && only(text, digits, 12) }
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 {
		return account(text)
	}
	kind, name, _ := strings.Cut(parts[5], "/")
	return parts[0] == "arn" && only(parts[1], lower+"-", 16) && strings.HasPrefix(parts[1], "aws") && parts[2] == "iam" && parts[3] == "" && account(parts[4]) &&
		(parts[5] == "root" || (kind == "role" || kind == "user") && only(name, letters+"_+=,.@/-", 512))
}

// isPrefix reports whether text is a path of plain names.
func isPrefix(text string) bool {
	for name := range strings.SplitSeq(text, "/") {
		if !only(name, letters+"!_.-", 200) {
			return false
		}
	}
	return len(text) <= 200
}

func isEmail(text string) bool {
	who, where, _ := strings.Cut(text, "@")
	return only(who, letters+"!#$%&'*+/=?^_`{|}~.-", 64) && only(where, letters+".-", 255) && strings.Contains(strings.Trim(where, "."), ".")
}

func isIssuer(text string) bool {
	rest, ok := strings.CutPrefix(text, "https://")
	return ok && only(rest, letters+".-_~:/%", 1000)
}

// wrong is an error about an option's value.
func wrong(option string, value any, format string, args ...any) error {
	if text, ok := value.(string); ok {
		value = strconv.Quote(text)
	}
	return fmt.Errorf("%s %v: %s", option, value, fmt.Sprintf(format, args...))
}

func oneOf(option, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	last := len(allowed) - 1
	return wrong(option, value, "want %s or %s", strings.Join(allowed[:last], ", "), allowed[last])
}

func between(option string, value, low, high int) error {
	if value < low || value > high {
		return wrong(option, value, "want %d to %d", low, high)
	}
	return nil
}

// first returns the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (o Options) checkName() error {
	if !isName(o.Name) {
		return wrong("name", o.Name, "want up to 30 of a-z, 0-9 and single -, beginning with a letter, as the cache is called so, too")
	}
	if o.CodeBucket != "" && !isBucket(o.CodeBucket) {
		return wrong("code-bucket", o.CodeBucket, "want a bucket's name: 3 to 63 of a-z, 0-9, . and -")
	}
	if !only(o.Key, letters+"!-_.*'()/", 1024) {
		return wrong("code-key", o.Key, "want up to 1024 of letters, digits and !-_.*'()/")
	}
	return nil
}

func (o Options) checkDoor() error {
	if err := oneOf("front-door", o.FrontDoor, HTTPAPI, RESTAPI, FunctionURL); err != nil {
		return err
	}
	rest, url := o.FrontDoor == RESTAPI, o.FrontDoor == FunctionURL
	switch {
	case o.WAF && !rest:
		return wrong("waf", true, "AWS WAF stands before a rest-api alone; front-door is %s", o.FrontDoor)
	case !o.WAF && o.WAFRate != Options{}.filled().WAFRate:
		return wrong("waf-rate", o.WAFRate, "there is no waf")
	case len(o.APIKeys) > 0 && !rest:
		return wrong("api-keys", strings.Join(o.APIKeys, ","), "only a rest-api has keys; front-door is %s. besra has keys of its own: besra keys", o.FrontDoor)
	case o.Quota != "" && !rest:
		return wrong("quota", o.Quota, "only a rest-api has quotas; front-door is %s. besra has quotas of its own: besra keys", o.FrontDoor)
	case o.Caller != "" && !url:
		return wrong("caller", o.Caller, "who may ask an API is said by their own roles; front-door is %s", o.FrontDoor)
	case o.Caller != "" && !isCaller(o.Caller):
		return wrong("caller", o.Caller, "want an account's 12 digits, or the ARN of a role or user")
	case url && (o.ThrottleRate != Options{}.filled().ThrottleRate || o.ThrottleBurst != Options{}.filled().ThrottleBurst):
		return wrong("throttle-rate", o.ThrottleRate, "a function-url has no throttle; bound it by reserved (it then refuses beyond 10 requests a second for each environment)")
	case rest && len(o.APIKeys) == 0:
		return wrong("api-keys", "", "a rest-api needs one client at least, as its methods want a key")
	case len(o.APIKeys) > maxKeys:
		return wrong("api-keys", len(o.APIKeys), "want up to %d; further ones can be added to the usage plan", maxKeys)
	}
	seen := map[string]bool{}
	for _, k := range o.APIKeys {
		if !isName(k) || seen[name(k)] {
			return wrong("api-keys", k, "want different names of up to 30 of a-z, 0-9 and single -")
		}
		seen[name(k)] = true
	}
	if o.Quota != "" {
		if _, _, err := parseQuota(o.Quota); err != nil {
			return err
		}
	}
	return first(
		between("throttle-rate", o.ThrottleRate, 1, maxRate),
		between("throttle-burst", o.ThrottleBurst, 1, maxRate),
		between("waf-rate", o.WAFRate, 10, 2_000_000_000),
	)
}

// parseQuota reads 1000000/day.
func parseQuota(text string) (limit int, period string, err error) {
	number, period, _ := strings.Cut(text, "/")
	limit, err = strconv.Atoi(number)
	if err != nil || limit < 1 || limit > 1<<31-1 || !slices.Contains([]string{"day", "week", "month"}, period) {
		return 0, "", wrong("quota", text, "want a number above 0 and day, week or month: 1000000/day")
	}
	return limit, strings.ToUpper(period), nil
}

func (o Options) checkAuth() error {
	if err := oneOf("auth", o.Auth, IAM, JWT, None); err != nil {
		return err
	}
	switch {
	case o.Auth == JWT && o.FrontDoor != HTTPAPI:
		return wrong("auth", o.Auth, "only an http-api checks tokens; front-door is %s, so say iam", o.FrontDoor)
	case o.Auth == None && o.FrontDoor == FunctionURL:
		return wrong("auth", o.Auth, "a function-url without iam would answer all the internet, without a throttle; say iam, or front-door http-api")
	case o.Auth == JWT && o.JWTIssuer == "":
		return wrong("jwt-issuer", "", "auth jwt needs the URL of whoever signs tokens: https://id.example.com")
	case o.Auth == JWT && len(o.JWTAudience) == 0:
		return wrong("jwt-audience", "", "auth jwt needs for whom tokens must have been made; without it any token of the issuer would do")
	case o.Auth != JWT && o.JWTIssuer != "":
		return wrong("jwt-issuer", o.JWTIssuer, "auth is %s; say auth jwt", o.Auth)
	case o.Auth != JWT && len(o.JWTAudience) > 0:
		return wrong("jwt-audience", strings.Join(o.JWTAudience, ","), "auth is %s; say auth jwt", o.Auth)
	case o.Auth == JWT && !isIssuer(o.JWTIssuer):
		return wrong("jwt-issuer", o.JWTIssuer, "want a URL that begins with https://, as tokens have it")
	}
	for _, a := range o.JWTAudience {
		if !only(a, letters+"!#$%&*+-./:=?@_~", 200) {
			return wrong("jwt-audience", a, "want words of letters, digits and %s", "!#$%&*+-./:=?@_~")
		}
	}
	return nil
}

func (o Options) checkFunction() error {
	if o.Digest != "" && !isDigest(o.Digest) {
		return wrong("digest", o.Digest, "want a SHA-256, 64 hexadecimal digits in lower case: sha256sum besra.zip")
	}
	return first(
		oneOf("arch", o.Arch, ARM64, X86),
		between("memory", o.Memory, minMemory, maxMemory),
		between("timeout", o.Timeout, 1, maxTimeout),
		oneOf("tracing", o.Tracing, "active", "off"),
	)
}

// checkSettings refuses settings that the template makes itself. Whether there is such a setting is known to who has
// them all.
func (o Options) checkSettings() error {
	size := 0
	for _, s := range slices.Sorted(maps.Keys(o.Settings)) {
		own := s == "service" || s == "emf.namespace" || s == "models.dir"
		for _, room := range []string{"lambda.", "valkey.", "state.entity_key"} {
			own = own || strings.HasPrefix(s, room) && s != "valkey.deadline"
		}
		switch {
		case own:
			return wrong("set", s+"="+o.Settings[s], "the template sets %s itself", s)
		case strings.ContainsFunc(o.Settings[s], func(r rune) bool { return r < ' ' || r > '~' }):
			return wrong("set", s+"="+o.Settings[s], "want visible ASCII")
		}
		size += len(variable(s)) + len(o.Settings[s])
	}
	if size > maxSettings {
		return wrong("set", fmt.Sprintf("%d settings", len(o.Settings)), "they have %d bytes, and %d are the most; put them into besra.yaml in the zip", size, maxSettings)
	}
	return nil
}

// variable is the environment variable of a setting.
func variable(setting string) string {
	return "BESRA_" + strings.ToUpper(strings.ReplaceAll(setting, ".", "_"))
}

func (o Options) checkCapacity() error {
	most := o.Provisioned
	for _, c := range o.Schedule {
		if err := checkCron(c.Cron); err != nil {
			return err
		}
		if err := between("provisioned-schedule", c.Environments, 0, maxConcurrency); err != nil {
			return err
		}
		most = max(most, c.Environments)
	}
	switch {
	case o.Provisioned != 0 && between("", o.Provisioned, 1, maxConcurrency) != nil:
		return between("provisioned", o.Provisioned, 1, maxConcurrency)
	case o.Reserved != 0 && between("", o.Reserved, 1, maxConcurrency) != nil:
		return between("reserved", o.Reserved, 1, maxConcurrency)
	case len(o.Schedule) > 0 && o.Provisioned == 0:
		return wrong("provisioned-schedule", o.Schedule[0].Cron, "say with provisioned how many are ready until it first applies, 1 or more")
	case len(o.Schedule) == 0 && o.ScheduleZone != "UTC":
		return wrong("provisioned-timezone", o.ScheduleZone, "there is no provisioned-schedule")
	case len(o.Schedule) > maxActions:
		return wrong("provisioned-schedule", len(o.Schedule), "want up to %d times", maxActions)
	case !only(o.ScheduleZone, letters+"/_+-", 64):
		return wrong("provisioned-timezone", o.ScheduleZone, "want a name such as Europe/Paris")
	case o.Reserved != 0 && most > o.Reserved:
		return wrong("provisioned", most, "of %d that are reserved so many cannot be ready", o.Reserved)
	case most > o.AccountQuota-100:
		return wrong("provisioned", most, "100 of the account's %d must stay free (account-quota)", o.AccountQuota)
	case o.Reserved > o.AccountQuota-100:
		return wrong("reserved", o.Reserved, "100 of the account's %d must stay free (account-quota)", o.AccountQuota)
	}
	return nil
}

// checkCron checks the six fields of AWS: minutes, hours, days of the month, months, days of the week, years.
func checkCron(text string) error {
	fields := strings.Fields(text)
	bad := func(why string) error {
		return wrong("provisioned-schedule", text, "%s; want minutes, hours, days of the month, months, days of the week, years: 0 7 ? * MON-FRI *", why)
	}
	if len(fields) != 6 || strings.Join(fields, " ") != text {
		return bad(fmt.Sprintf("it has %d fields and not 6 with a space between", len(fields)))
	}
	for i, f := range fields {
		if !only(f, letters+",-*/?#", 40) {
			return bad(fmt.Sprintf("%q is none of theirs", fields[i]))
		}
	}
	if (fields[2] == "?") == (fields[4] == "?") {
		return bad("one of days of the month and days of the week must be ?, and not both")
	}
	return nil
}

func (o Options) checkCache() error {
	if err := oneOf("valkey", o.Valkey, Serverless, None); err != nil {
		return err
	}
	d := Options{}.filled()
	if o.Valkey == None && (o.CacheStorage != d.CacheStorage || o.CacheECPU != d.CacheECPU || o.CacheECPUMin != 0) {
		return wrong("valkey", o.Valkey, "there is no cache to bound by cache-storage, cache-ecpu or cache-ecpu-min")
	}
	if o.Valkey == Serverless && o.VPC == None {
		return wrong("vpc", o.VPC, "a cache is reached in its VPC only: say new or vpc-…, or valkey none")
	}
	if o.CacheECPUMin != 0 {
		if err := between("cache-ecpu-min", o.CacheECPUMin, minECPU, o.CacheECPU); err != nil {
			return err
		}
	}
	return first(
		between("cache-storage", o.CacheStorage, 1, maxStorage),
		between("cache-ecpu", o.CacheECPU, minECPU, maxECPU),
	)
}

func (o Options) checkModels() error {
	address, ok := strings.CutPrefix(o.Models, "s3://")
	if !ok {
		if o.Models == InZip || o.Models == Bucket {
			return nil
		}
		return wrong("models", o.Models, "want zip, bucket or s3://BUCKET/PREFIX")
	}
	bucket, prefix, _ := strings.Cut(address, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	switch {
	case !isBucket(bucket):
		return wrong("models", o.Models, "want a bucket's name after s3://: 3 to 63 of a-z, 0-9, . and -")
	case !isPrefix(prefix):
		return wrong("models", o.Models, "want a prefix after the bucket, as the function may read nothing else of it: s3://%s/models", bucket)
	case strings.HasSuffix(prefix, ".zip"):
		return wrong("models", o.Models, "want the directory that bundles are in, not one of them")
	}
	return nil
}

func (o Options) checkNetwork() error {
	given := strings.HasPrefix(o.VPC, "vpc-")
	if !given {
		if err := oneOf("vpc", o.VPC, New, None, "vpc-…"); err != nil || o.VPC == "vpc-…" {
			return wrong("vpc", o.VPC, "want new, none or the id of one, vpc-…")
		}
	}
	for _, list := range []struct {
		option, form string
		ids          []string
		most         int
	}{
		{"subnets", "subnet-", o.Subnets, 16}, {"security-groups", "sg-", o.SecurityGroups, 5}, {"route-tables", "rtb-", o.RouteTables, 16}, {"vpc", "vpc-", []string{o.VPC}, 1},
	} {
		if list.option == "vpc" && !given {
			continue
		}
		if len(list.ids) > 0 && !given {
			return wrong(list.option, strings.Join(list.ids, ","), "they are of a VPC that is there: say vpc %s…; it is %s", "vpc-", o.VPC)
		}
		if len(list.ids) > list.most {
			return wrong(list.option, len(list.ids), "want up to %d", list.most)
		}
		for _, id := range list.ids {
			hex, ok := strings.CutPrefix(id, list.form)
			if !ok || len(hex) < 8 || len(hex) > 17 || strings.Trim(hex, "0123456789abcdef") != "" {
				return wrong(list.option, id, "want %s and 8 to 17 hexadecimal digits", list.form)
			}
		}
	}
	if given && len(o.Subnets) < 2 {
		return wrong("subnets", strings.Join(o.Subnets, ","), "a VPC that is there needs two at least, in different zones")
	}
	if o.VPC != New && o.CIDR != (Options{}).filled().CIDR {
		return wrong("vpc-cidr", o.CIDR, "there is no new VPC; vpc is %s", o.VPC)
	}
	if p, err := netip.ParsePrefix(o.CIDR); err != nil || p.Masked() != p || !p.Addr().IsPrivate() || !p.Addr().Is4() || p.Bits() < 16 || p.Bits() > 25 {
		return wrong("vpc-cidr", o.CIDR, "want a private network of 128 to 65,536 addresses: 10.90.0.0/24")
	}
	if len(o.RouteTables) > 0 && o.Models == InZip {
		return wrong("route-tables", strings.Join(o.RouteTables, ","), "the models are in the zip, so nobody asks S3")
	}
	return nil
}

func (o Options) checkWatch() error {
	if _, ok := releases()[o.Release]; !ok {
		return wrong("release", o.Release, "want one of %s", strings.Join(slices.Sorted(maps.Keys(releases())), ", "))
	}
	if !slices.Contains(logRetentions(), o.LogRetention) {
		return wrong("log-retention", o.LogRetention, "want one of %s", strings.Trim(strings.ReplaceAll(fmt.Sprint(logRetentions()), " ", ", "), "[]"))
	}
	if o.AlarmEmail != "" && !isEmail(o.AlarmEmail) {
		return wrong("alarm-email", o.AlarmEmail, "want an address: fraud@example.com")
	}
	return first(
		between("latency", o.Latency, 1, maxTimeout*1000),
		between("account-quota", o.AccountQuota, 101, maxConcurrency*10),
	)
}
