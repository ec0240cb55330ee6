package stack_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/besra-ml/besra/deploy/aws/stack"
)

// A choice is something that options may ask for, in some ways.
type choice struct {
	name string
	ways []way
}

type way struct {
	name string
	ask  func(*stack.Options)
}

// choices are what a template can be asked for. Not all go together.
func choices() []choice {
	say := func(name string, ask func(*stack.Options)) way { return way{name, ask} }
	nothing := say("default", func(*stack.Options) {})
	releases := []way{nothing}
	for _, r := range []string{"canary-10m", "canary-15m", "canary-30m", "linear-1m", "linear-2m", "linear-3m", "linear-10m", "all-at-once"} {
		releases = append(releases, say(r, func(o *stack.Options) { o.Release = r }))
	}
	return []choice{
		{"door", []way{
			nothing,
			say("jwt", func(o *stack.Options) {
				o.Auth, o.JWTIssuer, o.JWTAudience = stack.JWT, "https://id.example.com/realms/shop", []string{"besra", "urn:besra:eu"}
			}),
			say("open", func(o *stack.Options) { o.Auth = stack.None }),
			say("rest", func(o *stack.Options) { o.FrontDoor = stack.RESTAPI }),
			say("rest-open", func(o *stack.Options) { o.FrontDoor, o.Auth = stack.RESTAPI, stack.None }),
			say("rest-waf", func(o *stack.Options) {
				o.FrontDoor, o.WAF, o.WAFRate, o.Quota, o.APIKeys = stack.RESTAPI, true, 3_000_000, "1000000/day", []string{"shop-eu", "shop-us", "a1"}
			}),
			say("url", func(o *stack.Options) { o.FrontDoor = stack.FunctionURL }),
			say("url-caller", func(o *stack.Options) {
				o.FrontDoor, o.Caller = stack.FunctionURL, "arn:aws:iam::123456789012:role/shop/till"
			}),
		}},
		{"throttle", []way{nothing, say("throttle", func(o *stack.Options) { o.ThrottleRate, o.ThrottleBurst = 200, 100 })}},
		{"function", []way{
			nothing,
			say("x86", func(o *stack.Options) { o.Arch, o.Memory, o.Timeout = stack.X86, 512, 29 }),
			say("digest", func(o *stack.Options) { o.Digest = digestOf('a'); o.CodeBucket = "code.example" }),
			say("settings", func(o *stack.Options) {
				o.Settings = map[string]string{"log.sample": "0.001", "limits.deadline": "80ms", "valkey.deadline": "8ms"}
			}),
		}},
		{"tracing", []way{nothing, say("off", func(o *stack.Options) { o.Tracing = "off" })}},
		{"capacity", []way{
			nothing,
			say("reserved", func(o *stack.Options) { o.Reserved = 200 }),
			say("provisioned", func(o *stack.Options) { o.Provisioned = 50 }),
			say("schedule", func(o *stack.Options) {
				o.Reserved, o.Provisioned, o.ScheduleZone = 300, 5, "Europe/Paris"
				o.Schedule = []stack.Capacity{{"0 7 ? * MON-FRI *", 50}, {"30 20 * * ? *", 0}}
			}),
		}},
		{"valkey", []way{
			nothing,
			say("none", func(o *stack.Options) { o.Valkey = stack.None }),
			say("bounds", func(o *stack.Options) { o.CacheStorage, o.CacheECPU, o.CacheECPUMin = 100, 1_000_000, 50_000 }),
		}},
		{"vpc", []way{
			nothing,
			say("new", func(o *stack.Options) { o.VPC, o.CIDR = stack.New, "172.16.0.0/22" }),
			say("none", func(o *stack.Options) { o.VPC = stack.None }),
			say("given", func(o *stack.Options) {
				o.VPC, o.Subnets = "vpc-0a1b2c3d", []string{"subnet-0a1b2c3d", "subnet-1a2b3c4d"}
			}),
			say("given-all", func(o *stack.Options) {
				o.VPC, o.Subnets = "vpc-0a1b2c3d", []string{"subnet-0a1b2c3d", "subnet-1a2b3c4d", "subnet-2a2b3c4d"}
				o.SecurityGroups = []string{"sg-0a1b2c3d", "sg-1a2b3c4d5e6f7a8b9"}
			}),
			say("given-routes", func(o *stack.Options) {
				o.VPC, o.Subnets, o.RouteTables = "vpc-0a1b2c3d", []string{"subnet-0a1b2c3d", "subnet-1a2b3c4d"}, []string{"rtb-0a1b2c3d"}
			}),
		}},
		{"models", []way{
			nothing,
			say("bucket", func(o *stack.Options) { o.Models = stack.Bucket }),
			say("s3", func(o *stack.Options) { o.Models = "s3://models.example/fraud/eu" }),
		}},
		{"release", releases},
		{"watch", []way{
			nothing,
			say("mail", func(o *stack.Options) {
				o.AlarmEmail, o.Latency, o.AccountQuota, o.LogRetention = "fraud@example.com", 20, 5_000, 365
			}),
			say("no-dashboard", func(o *stack.Options) { o.WithoutBoard = true }),
		}},
		{"name", []way{nothing, say("other", func(o *stack.Options) { o.Name = "fraud-eu-staging" })}},
	}
}

func digestOf(letter byte) string {
	return string(slices.Repeat([]byte{letter}, 64))
}

// alike is the choice of releases, which go with everything alike: each is in some combination.
const alike = 8

// A combination has a way for each choice.
type combination []int

func (c combination) options(all []choice) (o stack.Options) {
	for i, way := range c {
		all[i].ways[way].ask(&o)
	}
	return o
}

func (c combination) String() string {
	name, all := "", choices()
	for i, way := range c {
		if way > 0 {
			name += "_" + all[i].name + "." + all[i].ways[way].name
		}
	}
	return "template" + name
}

// pairs are the ways of two choices that c has.
func (c combination) pairs() (all [][4]int) {
	for i := range c {
		for j := range i {
			all = append(all, [4]int{j, c[j], i, c[i]})
		}
	}
	return all
}

// covering returns combinations that have every two ways together that can be together: few, and always the same ones.
func covering(t testing.TB) []combination {
	t.Helper()
	return coveringOnce()
}

var coveringOnce = sync.OnceValue(func() []combination {
	all := choices()
	random := rand.New(rand.NewPCG(1, 2))
	can := map[[4]int]bool{}
	var pool []combination
	for range 8_000 {
		c := make(combination, len(all))
		for i := range c {
			if c[i] = random.IntN(len(all[i].ways)); i == alike {
				c[i] = 0
			}
		}
		if c.options(all).Check() != nil {
			continue
		}
		pool = append(pool, c)
		for _, p := range c.pairs() {
			can[p] = true
		}
	}
	chosen := []combination{make(combination, len(all))}
	for _, p := range chosen[0].pairs() {
		delete(can, p)
	}
	for len(can) > 0 {
		best, most := combination(nil), 0
		for _, c := range pool {
			n := 0
			for _, p := range c.pairs() {
				if can[p] {
					n++
				}
			}
			if n > most {
				best, most = c, n
			}
		}
		chosen = append(chosen, best)
		for _, p := range best.pairs() {
			delete(can, p)
		}
	}
	for i, c := range chosen {
		c[alike] = i % len(all[alike].ways)
	}
	return chosen
})

func TestEveryTwoOptionsTogether(t *testing.T) {
	all := choices()
	templates := map[string]string{}
	seen := map[[2]int]bool{}
	largest := 0
	for _, c := range covering(t) {
		o := c.options(all)
		text := render(t, o)
		largest = max(largest, len(text))
		for _, what := range read(t, text).Check(facts(t, o)) {
			t.Errorf("%s: %s", c, what)
		}
		before := len(seen)
		for i, way := range c {
			seen[[2]int{i, way}] = true
		}
		if len(seen) > before || os.Getenv("BESRA_LINT_ALL") != "" { // half a second for each: with -short none, with BESRA_LINT_ALL all
			templates[fmt.Sprintf("%03d", len(templates))] = text
		}
	}
	for i, c := range all {
		for j, w := range c.ways {
			if !seen[[2]int{i, j}] {
				t.Errorf("nothing has %s %s", c.name, w.name)
			}
		}
	}
	t.Logf("the largest has %d bytes; cfn-lint looks at %d", largest, len(templates))
	if testing.Short() {
		return
	}
	for name, said := range lint(t, templates) {
		t.Errorf("%s: %v", name, said)
	}
}
