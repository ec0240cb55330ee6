package xgboost

import "testing"

func BenchmarkRead(b *testing.B) {
	model := synthetic(500, 6, 30)
	for _, enc := range []struct {
		name string
		data []byte
	}{{"json", toJSON(model)}, {"ubjson", toUBJ(model)}} {
		b.Run("500 trees of depth 6/"+enc.name, func(b *testing.B) {
			b.SetBytes(int64(len(enc.data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(enc.data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
