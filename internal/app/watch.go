package app

import (
	"context"
	"time"
)

// regardless is at which looks the contents of versions are compared although nothing seems to have changed: file
// systems on networks do not always tell.
const regardless = 20

// watchModels looks at the directories of models until ctx ends. Paths of their own are not watched.
func (a *App) watchModels(ctx context.Context) {
	if len(a.stock.shelves) == 0 {
		return
	}
	tick := time.NewTicker(a.config.Models.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.Rescan(ctx)
		}
	}
}

// Rescan looks at the directories of models once, and serves what it finds.
func (a *App) Rescan(ctx context.Context) {
	a.stock.looking.Lock()
	defer a.stock.looking.Unlock()
	a.stock.looks++
	for _, s := range a.stock.shelves {
		err := a.lookAt(ctx, s, a.stock.looks%regardless == 0)
		if ctx.Err() != nil {
			return
		}
		why := ""
		if err != nil {
			why = stripped(s, err)
		}
		if why != s.told && why != "" {
			a.log.Error("a directory of models cannot be looked at; what is served stays", "directory", s.String(), "why", why)
		}
		s.told = why
	}
	a.stock.mu.Lock()
	defer a.stock.mu.Unlock()
	a.letGo(a.models.Set())
	if !a.stock.order().equal(a.stock.last) {
		a.swap()
	}
}
