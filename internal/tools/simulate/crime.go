package simulate

// The handbook's scenarios of fraud. A later one overwrites an earlier one.
const (
	genuine     = iota
	bigAmount   // above bigCents
	hitTerminal // at a compromised terminal
	hitCard     // a third of a compromised card's payments, times hitFactor
)

const (
	bigCents     = 220_00
	terminalDays = 28
	cardDays     = 14
	hitFactor    = 5
)

// crime turns payments into fraud.
type crime struct {
	options Options
	world   *world
	dice    dice
	until   []int32 // the day from which each terminal is honest again
	raids   []*raid
	scratch []payment
}

// A raid uses the cards that were compromised on one day. It strikes exactly a third (rounded down) of the
// payments that they make together in its days, each as likely as another.
type raid struct {
	cards []int32
	until int
	want  int // payments still to strike
	left  int // payments still to come
	dice  dice
}

func newCrime(o Options, w *world) *crime {
	return &crime{options: o, world: w, dice: newDice(), until: make([]int32, o.Terminals)}
}

// strike begins today's crimes and applies all that are under way. It is called once a day, in order.
func (c *crime) strike(d *day) {
	c.dice.set(c.options.Seed, forHitTerminals, 0, d.n)
	for _, t := range c.dice.sample(c.options.HitTerminals, c.options.Terminals) {
		c.until[t] = int32(d.n + terminalDays)
	}
	for i := range d.payments {
		p := &d.payments[i]
		if p.cents > bigCents {
			p.scenario = bigAmount
		}
		if int32(d.n) < c.until[p.terminal] {
			p.scenario = hitTerminal
		}
	}
	c.raids = append(c.raids, c.newRaid(d.n))
	if c.raids[0].until == d.n {
		c.raids = c.raids[1:]
	}
	for _, r := range c.raids {
		r.strike(d)
	}
}

// newRaid looks ahead to learn how many payments its cards will make: a card's day can be drawn at any time.
func (c *crime) newRaid(n int) *raid {
	r := &raid{until: n + cardDays, dice: newDice()}
	r.dice.set(c.options.Seed, forHitCards, 0, n)
	r.cards = r.dice.sample(c.options.HitCards, c.options.Cards)
	for _, id := range r.cards {
		for ahead := n; ahead < min(r.until, c.options.Days); ahead++ {
			c.scratch = c.world.pay(c.dice, c.scratch[:0], int(id), ahead)
			r.left += len(c.scratch)
		}
	}
	r.want = r.left / 3
	return r
}

func (r *raid) strike(d *day) {
	for _, id := range r.cards {
		payments := d.of(id)
		for i := range payments {
			if r.dice.IntN(r.left) < r.want {
				payments[i].cents *= hitFactor
				payments[i].scenario = hitCard
				r.want--
			}
			r.left--
		}
	}
}
