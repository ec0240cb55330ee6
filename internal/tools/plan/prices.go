package plan

import (
	_ "embed"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/besra-ml/besra/internal/strictyaml"
)

//go:embed prices.yaml
var builtin []byte

// Prices are what AWS charges and allows in a region, at a date, and where each figure is from.
type Prices struct {
	Date, Region string
	prices       map[string]price
	figures      map[string]figure
}

type price struct {
	per        string
	tiers      []tier // by from; the first is from 0
	source     string
	unverified bool
}

type tier struct{ from, price float64 }

type figure struct {
	value      float64
	source     string
	unverified bool
}

// BuiltinPrices are those that besra was built with.
func BuiltinPrices() (*Prices, error) { return ParsePrices("prices.yaml", builtin) }

// ParsePrices reads a file of prices; file is what errors call it. All that the built-in one has must be there.
func ParsePrices(file string, data []byte) (*Prices, error) {
	root, err := strictyaml.Parse(file, data)
	if err != nil {
		return nil, err
	}
	layout := 0
	p := &Prices{prices: map[string]price{}, figures: map[string]figure{}}
	err = root.Members(map[string]strictyaml.Reader{
		"besra":  strictyaml.Int(&layout),
		"date":   strictyaml.Text(&p.Date),
		"region": strictyaml.Text(&p.Region),
		"prices": func(n strictyaml.Node) error {
			return n.Each(func(name string, v strictyaml.Node) (err error) {
				p.prices[name], err = readPrice(v)
				return err
			})
		},
		"figures": func(n strictyaml.Node) error {
			return n.Each(func(name string, v strictyaml.Node) (err error) {
				p.figures[name], err = readFigure(v)
				return err
			})
		},
	})
	if err != nil {
		return nil, err
	}
	if layout != 1 {
		return nil, root.Errorf("besra: want 1, the layout of this file")
	}
	if _, err := time.Parse(time.DateOnly, p.Date); err != nil {
		return nil, root.Errorf("date: want the day on which the prices were read, such as 2026-11-27")
	}
	return p, p.complete(root)
}

// complete refuses a file that lacks a figure, or has one that is not used.
func (p *Prices) complete(root strictyaml.Node) error {
	for _, name := range priceNames() {
		if _, ok := p.prices[name]; !ok {
			return root.Errorf("prices.%s: is missing", name)
		}
	}
	for _, name := range figureNames() {
		if _, ok := p.figures[name]; !ok {
			return root.Errorf("figures.%s: is missing", name)
		}
	}
	for name := range p.prices {
		if !slices.Contains(priceNames(), name) {
			return root.Errorf("prices.%s: is not used", name)
		}
	}
	for name := range p.figures {
		if !slices.Contains(figureNames(), name) {
			return root.Errorf("figures.%s: is not used", name)
		}
	}
	return nil
}

func priceNames() []string {
	return []string{
		"lambda-requests", "lambda-arm64", "lambda-x86_64", "provisioned-idle-arm64", "provisioned-busy-arm64",
		"provisioned-idle-x86_64", "provisioned-busy-x86_64", "http-api", "rest-api", "alb", "alb-lcu", "valkey-storage",
		"valkey-ecpu", "logs", "logs-kept", "metrics", "alarms", "dashboards", "traces", "waf", "waf-rule", "waf-requests",
		"endpoint", "transfer-out", "fargate-vcpu", "fargate-gb", "ec2",
	}
}

func figureNames() []string {
	return []string{
		"lambda-concurrency", "lambda-rate", "lambda-unreserved", "lambda-burst", "lambda-refill", "lambda-idle",
		"lambda-rate-depth", "gateway-rate", "gateway-burst", "latency-http-api", "latency-rest-api", "latency-function-url",
		"latency-alb", "latency-cache", "valkey-least", "lcu-connections", "lcu-gb",
	}
}

func readPrice(n strictyaml.Node) (price, error) {
	first := tier{price: math.NaN()}
	p := price{}
	err := n.Members(map[string]strictyaml.Reader{
		"per": strictyaml.Text(&p.per), "price": strictyaml.Float(&first.price), "source": strictyaml.Text(&p.source),
		"unverified": strictyaml.Bool(&p.unverified),
		"tiers": func(n strictyaml.Node) error {
			return n.List(func(_ int, v strictyaml.Node) error {
				t := tier{price: math.NaN()}
				err := v.Members(map[string]strictyaml.Reader{"from": strictyaml.Float(&t.from), "price": strictyaml.Float(&t.price)})
				p.tiers = append(p.tiers, t)
				return err
			})
		},
	})
	if err != nil {
		return p, err
	}
	p.tiers = append([]tier{first}, p.tiers...)
	for i, t := range p.tiers {
		if !(t.price >= 0) || i > 0 && t.from <= p.tiers[i-1].from {
			return p, n.Errorf("want a price, and tiers that begin above one another, each with a price")
		}
	}
	if p.per == "" || p.source == "" {
		return p, n.Errorf("want per and source")
	}
	return p, nil
}

func readFigure(n strictyaml.Node) (figure, error) {
	f := figure{value: math.NaN()}
	err := n.Members(map[string]strictyaml.Reader{
		"value": strictyaml.Float(&f.value), "source": strictyaml.Text(&f.source), "unverified": strictyaml.Bool(&f.unverified),
	})
	if err == nil && (!(f.value > 0) || f.source == "") {
		err = n.Errorf("want a value above 0 and its source")
	}
	return f, err
}

// cost returns what so many units cost in a month, tier by tier.
func (p *Prices) cost(name string, units float64) float64 {
	tiers := p.prices[name].tiers
	total := 0.0
	for i, t := range tiers {
		to := math.Inf(1)
		if i+1 < len(tiers) {
			to = tiers[i+1].from
		}
		if units > t.from {
			total += (min(units, to) - t.from) * t.price
		}
	}
	return total
}

func (p *Prices) figure(name string) float64 { return p.figures[name].value }

func (p *Prices) unverified(name string) bool { return p.prices[name].unverified }

// unverifiedOf lists those of the named figures that have no source that quotes AWS's own.
func (p *Prices) unverifiedOf(prices, figures []string) []string {
	var list []string
	for _, name := range prices {
		if v := p.prices[name]; v.unverified {
			list = append(list, fmt.Sprintf("%s, $%v per %s: %s", name, v.tiers[min(1, len(v.tiers)-1)].price, v.per, v.source))
		}
	}
	for _, name := range figures {
		if v := p.figures[name]; v.unverified {
			list = append(list, fmt.Sprintf("%s, %v: %s", name, v.value, v.source))
		}
	}
	return list
}
