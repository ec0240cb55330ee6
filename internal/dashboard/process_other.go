//go:build !unix

package dashboard

import "time"

// processorTime is not known here: the page leaves it out.
func processorTime() time.Duration { return 0 }
