package plan

import "math"

// A Quota is a limit of the account, what it is, and what the plan needs of it.
type Quota struct {
	Name    string  `json:"name"`
	Default float64 `json:"default"`
	Have    float64 `json:"have"`
	Need    float64 `json:"need"`
	Short   bool    `json:"short"`
	Fixed   bool    `json:"fixed,omitempty"` // AWS does not raise it
	Why     string  `json:"why"`
}

// quotas says which limits the worst moment needs. What is in flight is found by the formulas without a limit on it.
func quotas(in *Input, prices *Prices, w workload, worst stretch) []Quota {
	peak := in.Profile.peak()
	w.limits.Concurrency, w.limits.Reserved, w.limits.RequestRate = 0, 0, 0
	w.gateway.Rate = 0
	f := newFluid(w, in.Profile.before, settle(w, in.Profile.before))
	f.run(worst.telling(in.Profile.before), nil)

	inFlight := math.Ceil(f.highest)
	byRate := math.Ceil(chance(peak) / prices.figure("lambda-rate"))
	why := "requests in flight, those that wait for a start too"
	if byRate > inFlight {
		why = "ten requests a second for each"
	}
	unreserved := prices.figure("lambda-unreserved")
	list := []Quota{{
		Name: "Lambda concurrency", Default: prices.figure("lambda-concurrency"), Have: float64(in.Concurrency),
		Need: max(inFlight, byRate) + unreserved, Why: why + "; 100 more stay unreserved",
	}}
	if in.Reserved > 0 {
		list = append(list, Quota{
			Name: "reserved concurrency of this function", Have: float64(in.Reserved), Need: max(inFlight, byRate), Why: why,
		})
	}
	if in.Provisioned > 0 {
		list = append(list, Quota{
			Name: "Lambda concurrency, for what is provisioned", Default: prices.figure("lambda-concurrency"),
			Have: float64(in.Concurrency), Need: float64(in.Provisioned) + unreserved, Why: "it counts while it is idle",
		})
	}
	if in.gateway() {
		list = append(list, Quota{
			Name: "API Gateway requests a second", Default: prices.figure("gateway-rate"), Have: in.GatewayRate,
			Need: math.Ceil(chance(peak)), Why: "shared by all APIs of the account and Region",
		}, Quota{
			Name: "API Gateway burst", Default: prices.figure("gateway-burst"), Have: in.GatewayBurst,
			Need: math.Ceil(5 * math.Sqrt(peak)), Why: "what chance brings at once; AWS sets it with the rate",
		})
	}
	list = append(list, Quota{
		Name: "environments made at once", Default: prices.figure("lambda-burst"), Have: prices.figure("lambda-burst"),
		Need: math.Ceil(firstWave(w, in.Profile.before, worst)), Fixed: true, Why: "of a function, when traffic rises",
	})
	for i, q := range list {
		list[i].Short = q.Need > q.Have
	}
	return list
}

// firstWave returns how many environments a rise asks for when as many as wanted can be made, less what is made
// again in that time.
func firstWave(w workload, before float64, worst stretch) float64 {
	refill := w.limits.Refill
	w.limits.Burst, w.limits.Refill = 0, 0
	f := newFluid(w, before, settle(w, before))
	highest := 0.0
	f.run(worst.telling(before), func(f *fluid, _ segment) { highest = max(highest, f.sums.cold-refill*f.now) })
	return highest
}

// chance is a rate and what chance adds to it in a second.
func chance(rate float64) float64 { return rate + 3*math.Sqrt(rate) }
