//go:build !besra_release

package main

import (
	"embed"
	"io/fs"
)

// embeddedBootstraps is empty but in a release (make release).
func embeddedBootstraps() fs.FS { return embed.FS{} }
