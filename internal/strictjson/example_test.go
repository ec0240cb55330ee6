package strictjson_test

import (
	"fmt"

	"github.com/besra-ml/besra/internal/strictjson"
)

// A service keeps Names with each model, and a Scanner and Members with each worker.
func ExampleMembers() {
	names, err := strictjson.NewNames([]string{"amount", "hour", "risk"})
	if err != nil {
		fmt.Println(err)
		return
	}
	var s strictjson.Scanner
	members := names.Members()

	read := func(text string) (row [3]float64, err error) {
		s.Reset([]byte(text))
		if err := members.Open(&s); err != nil {
			return row, err
		}
		for {
			i, ok, err := members.Next(&s)
			if err != nil {
				return row, err
			}
			if !ok {
				return row, s.End()
			}
			if i == strictjson.Unknown {
				return row, fmt.Errorf("unknown feature %s", strictjson.Quote(members.Unknown()))
			}
			if row[i], err = s.Float(); err != nil {
				return row, fmt.Errorf("feature %s: %w", names.Name(i), err)
			}
		}
	}
	fmt.Println(read(`{"amount": 129.9, "risk": 0.25}`))
	fmt.Println(read(`{"amount": 1, "\u0061mount": 2}`))
	fmt.Println(read(`{"amount": 1, "colour": 2}`))
	fmt.Println(read(`{"hour": "12"}`))
	// Output:
	// [129.9 0 0.25] <nil>
	// [1 0 0] offset 14: duplicate member "amount"
	// [1 0 0] unknown feature "colour"
	// [0 0 0] feature hour: offset 9: expected a number but found a string
}
