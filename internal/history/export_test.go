package history

import "github.com/besra-ml/besra/internal/feature"

// GroupNumber returns the store's number of a model's group.
func (h *History) GroupNumber(model string, g *feature.Group) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.group(model, g).number
}

// Retell has the shared store told of groups again, at once.
func (h *History) Retell() {
	h.fresh.Store(true)
	h.Measure()
}
