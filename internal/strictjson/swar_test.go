package strictjson

import (
	"math/rand/v2"
	"testing"
)

func TestWordsAreReadLikeBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const near = "0019\x00\x1f !\"#[\\]/:\x7f\x80\xff\xa2\xdc\xb0az"
	for range 200_000 {
		text := make([]byte, 8)
		for i := range text {
			switch r.IntN(3) {
			case 0:
				text[i] = '0' + byte(r.IntN(10))
			case 1:
				text[i] = near[r.IntN(len(near))]
			default:
				text[i] = byte(r.Uint32())
			}
			if i < 6 && r.IntN(3) > 0 { // else the first byte would mostly decide
				text[i] = '0' + byte(r.IntN(10))
			}
		}
		plains := 0
		for plains < 8 && plain[text[plains]] {
			plains++
		}
		digits, value := 0, uint64(0)
		for digits < 8 && '0' <= text[digits] && text[digits] <= '9' {
			value = value*10 + uint64(text[digits]-'0')
			digits++
		}
		if n := plainPrefix(word(text, 0)); n != plains {
			t.Fatalf("%q: %d plain bytes, want %d", text, n, plains)
		}
		if v, n := digitPrefix(word(text, 0)); n != digits || v != value {
			t.Fatalf("%q: %d digits that make %d, want %d that make %d", text, n, v, digits, value)
		}
	}
}
