package mlas

// Rows is what ONNX Runtime's linear operators compute of one row: for each output n the products of x and
// w[n·len(x):(n+1)·len(x)], added up. Eight sums stand side by side; how they become one depends on whether four outputs, two
// or one are computed together. Nothing is fused.
func Rows(dst, x, w []float32) {
	k, n := len(x), len(dst)
	for i := range dst {
		s := lanes(x, w[i*k:(i+1)*k])
		switch rest := n % 4; {
		case i < n-rest:
			dst[i] = float32(float32(float32(s[0]+s[1])+s[2])+s[3]) + float32(float32(float32(s[4]+s[5])+s[6])+s[7])
		case rest >= 2 && i < n-rest+2:
			low, high := float32(s[0]+s[2])+float32(s[4]+s[6]), float32(s[1]+s[3])+float32(s[5]+s[7])
			dst[i] = low + high
		default:
			dst[i] = float32(float32(s[0]+s[1])+float32(s[2]+s[3])) + float32(float32(s[4]+s[5])+float32(s[6]+s[7]))
		}
	}
}

func lanes(x, w []float32) (s [8]float32) {
	for i, v := range x {
		s[i%8] += float32(v * w[i])
	}
	return s
}

// blockK is how many products a packed matrix has added up before the sum is added to what there is.
const blockK = 256

// Packed is what ONNX Runtime's MatMul and Gemm compute of one row and a constant matrix, w as for Rows: products are
// fused into the sum, from the first to the last, block by block. With bias nil there is nothing that they are added to.
func Packed(dst, x, w, bias []float32) {
	k := len(x)
	for i := range dst {
		row := w[i*k : (i+1)*k]
		for from := 0; from < k; from += blockK {
			sum := float32(0)
			for j := from; j < min(from+blockK, k); j++ {
				sum = Fma(x[j], row[j], sum)
			}
			switch {
			case from > 0:
				dst[i] += sum
			case bias != nil:
				dst[i] = bias[i] + sum
			default:
				dst[i] = sum // -0 stays
			}
		}
	}
}
