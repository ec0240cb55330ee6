package telemetry

import (
	"fmt"
	"runtime"
)

// Panic returns what may be told of a panic that was recovered: what the runtime says, else only of which kind its value
// is, for its text may be made of what was asked.
func Panic(recovered any) error {
	if err, ok := recovered.(runtime.Error); ok {
		return fmt.Errorf("panic: %w", err)
	}
	return fmt.Errorf("panic: a %T", recovered)
}
