package admin

import (
	"net/http"
	"strings"
	"testing"
)

func TestWhoIsBoundToModelsSeesAndChangesNoOthers(t *testing.T) {
	s := newTested()
	s.models = []string{"fraud"}
	for _, verb := range []string{"use", "load", "unload"} {
		if w := s.ask(http.MethodPost, "/admin/v1/models/abuse:"+verb, `{"version":1}`); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d %s", verb, w.Code, w.Body)
		}
	}
	if s.actions.Value() != 0 {
		t.Error("something was changed")
	}
	if w := s.ask(http.MethodPost, "/admin/v1/models/fraud:use", `{"version":1}`); w.Code == http.StatusForbidden {
		t.Errorf("its own: %d %s", w.Code, w.Body)
	}
	if w := s.ask(http.MethodGet, "/admin/v1/models", ""); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "abuse") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.ask(http.MethodGet, "/admin/v1/keys", ""); w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
