package mlas

// Softmax writes e^(x-max) over their sum into dst, which may be x: the operator Softmax, and what follows a linear
// classifier of five classes or more.
func Softmax(dst, x []float32) {
	top := x[0]
	for _, v := range x[1:] {
		top = max(top, v)
	}
	for i, v := range x {
		dst[i] = Exp(v - top)
	}
	scale := 1 / sumExp(dst[:len(x)])
	for i := range x {
		dst[i] *= scale
	}
}

// sumExp adds as AVX-512 does: sixteen sums side by side, which are then added half to half and neighbour to neighbour.
func sumExp(x []float32) float32 {
	var sums [16]float32
	for i, v := range x {
		sums[i%16] += v
	}
	for i := range 8 {
		sums[i] += sums[i+8]
	}
	four := func(s []float32) float32 { return float32(s[0]+s[1]) + float32(s[2]+s[3]) }
	return four(sums[:4]) + four(sums[4:8])
}

// Sum adds numbers that lie side by side as Eigen does on x86-64, for the operators ReduceSum and ReduceMean: in packets
// of four, by two of them at once.
func Sum(x []float32) float32 {
	whole := len(x) / 4 * 4
	if whole == 0 {
		return sequence(x[0], x[1:])
	}
	s := [4]float32(x)
	if whole > 4 {
		odd, pairs := [4]float32(x[4:]), len(x)/8*8
		for i := 8; i < pairs; i += 8 {
			add(&s, x[i:])
			add(&odd, x[i+4:])
		}
		add(&s, odd[:])
		if whole > pairs {
			add(&s, x[pairs:])
		}
	}
	return sequence(float32(s[0]+s[2])+float32(s[1]+s[3]), x[whole:])
}

func add(s *[4]float32, x []float32) {
	for i := range s {
		s[i] += x[i]
	}
}

func sequence(s float32, x []float32) float32 {
	for _, v := range x {
		s += v
	}
	return s
}
