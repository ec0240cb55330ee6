//go:build !race

package auth_test

import (
	"context"
	"testing"

	"github.com/besra-ml/besra/internal/auth"
)

func TestAGoodKeyTakesNoMemory(t *testing.T) {
	d := newDoor(t, nil)
	key, _ := d.create(auth.Entry{Name: "shop"})
	ctx := context.Background()
	for name, c := range map[string]*auth.Credentials{
		"Authorization": {Header: bearer(key), Address: client},
		"X-API-Key":     {Header: header("X-API-Key", key), Address: client},
		"with a query":  {Header: bearer(key), Address: client, Query: "explain=3&verbose=1"},
	} {
		if n := testing.AllocsPerRun(1000, func() {
			if _, err := d.Authenticate(ctx, c); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
