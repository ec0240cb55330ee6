package app

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/besra-ml/besra/internal/store/valkeytest"
)

// What is remembered at a shared store can be looked at and erased while it is used.
func TestWhatProcessesShareIsLookedAtAndErased(t *testing.T) {
	at, hashes := valkeytest.Start(t).Addr(), entityKey(t)
	s := start(t, sharing(at, hashes))
	for i := range 3 {
		if status, body := s.post("/v1/score", fmt.Sprintf(sharedPayment, fmt.Sprint("e", i), i)); status != http.StatusOK {
			t.Fatal(status, body)
		}
	}
	c := Defaults()
	sharing(at, hashes)(&c)
	r, err := OpenRemembered(t.Context(), c, testBackends(), nil, s.log)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	of, err := r.Subjects("", "card", "c_1")
	if err != nil || len(of) != 1 {
		t.Fatal(of, err)
	}
	held, err := r.History().Held(of[0])
	if err != nil || len(held) != 1 || len(held[0].Entries) != 3 {
		t.Fatalf("%+v, %v", held, err)
	}
	if done, err := r.History().Forget(t.Context(), of[0]); err != nil || done.Histories != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
	if held, err := r.History().Held(of[0]); err != nil || len(held) != 0 {
		t.Errorf("%+v, %v", held, err)
	}
	terminal, err := r.Subjects("", "terminal", "t_1")
	if err != nil {
		t.Fatal(err)
	}
	if held, err := r.History().Held(terminal[0]); err != nil || len(held) != 1 || len(held[0].Entries) != 3 {
		t.Errorf("others' histories: %+v, %v", held, err)
	}
}
