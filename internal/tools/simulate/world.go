package simulate

import "slices"

// side is the length of the square on which cards and terminals lie.
const side = 100.0

type point struct{ x, y float64 }

func (p point) near(q point, radius float64) bool {
	dx, dy := p.x-q.x, p.y-q.y
	return float64(dx*dx)+float64(dy*dy) < radius*radius
}

// A card's habits.
type card struct {
	home     point
	mean     float64 // of its amounts; their deviation is half of it
	pace     float64 // payments a day, on average
	stranded bool    // no terminal in reach: it never pays
}

// world holds what does not change from day to day. Terminals are filed by cells of a grid, at least a
// radius wide, so that all that a card can reach lies in the nine cells around it.
type world struct {
	seed   uint64
	days   int
	radius float64
	cards  []card

	places []point // of terminals, by id
	grid   int     // cells along a side
	first  []int32 // where each cell begins in filed, and the end
	filed  []int32 // terminal ids, cell by cell
}

func newWorld(o Options) *world {
	w := &world{seed: o.Seed, days: o.Days, radius: o.Radius}
	d := newDice()
	w.places = make([]point, o.Terminals)
	for i := range w.places {
		d.set(o.Seed, forTerminal, i, 0)
		w.places[i] = point{d.uniform(0, side), d.uniform(0, side)}
	}
	w.file()
	w.cards = make([]card, o.Cards)
	for i := range w.cards {
		d.set(o.Seed, forCard, i, 0)
		c := card{home: point{d.uniform(0, side), d.uniform(0, side)}, mean: d.uniform(5, 100), pace: d.uniform(0, 4)}
		c.stranded = !w.reachesAny(c.home)
		w.cards[i] = c
	}
	return w
}

// file sorts the terminals into the grid: count, add up, place.
func (w *world) file() {
	w.grid = max(1, min(int(side/w.radius), 512))
	w.first = make([]int32, w.grid*w.grid+1)
	for _, p := range w.places {
		w.first[w.cell(p)+1]++
	}
	for i := range w.grid * w.grid {
		w.first[i+1] += w.first[i]
	}
	w.filed = make([]int32, len(w.places))
	next := slices.Clone(w.first)
	for id, p := range w.places {
		c := w.cell(p)
		w.filed[next[c]] = int32(id)
		next[c]++
	}
}

func (w *world) cell(p point) int { return w.step(p.y)*w.grid + w.step(p.x) }

func (w *world) step(v float64) int {
	return min(int(v/side*float64(w.grid)), w.grid-1)
}

// around returns the terminals of the nine cells around p, row by row.
func (w *world) around(p point) (rows [3][]int32) {
	x, y := w.step(p.x), w.step(p.y)
	left, right := max(0, x-1), min(w.grid-1, x+1)
	for i := range rows {
		if row := y + i - 1; row >= 0 && row < w.grid {
			rows[i] = w.filed[w.first[row*w.grid+left]:w.first[row*w.grid+right+1]]
		}
	}
	return rows
}

func (w *world) reachesAny(p point) bool {
	for _, row := range w.around(p) {
		for _, id := range row {
			if w.places[id].near(p, w.radius) {
				return true
			}
		}
	}
	return false
}

// reach draws one of the terminals within reach of p, each as likely as another: it draws among those
// around until one is near enough. There must be one (see card.stranded); about three draws find it.
func (w *world) reach(d dice, p point) int32 {
	rows := w.around(p)
	n := len(rows[0]) + len(rows[1]) + len(rows[2])
	for {
		i, row := d.IntN(n), 0
		for i >= len(rows[row]) {
			i -= len(rows[row])
			row++
		}
		if id := rows[row][i]; w.places[id].near(p, w.radius) {
			return id
		}
	}
}
