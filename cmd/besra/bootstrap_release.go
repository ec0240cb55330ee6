//go:build besra_release

package main

import (
	"embed"
	"io/fs"
)

// What make release has built before it builds this.
//
//go:embed bootstraps/*.gz
var bootstraps embed.FS

// embeddedBootstraps has bootstrap-<arch>.gz for each architecture.
func embeddedBootstraps() fs.FS {
	fsys, _ := fs.Sub(bootstraps, "bootstraps") // fails for an invalid path only
	return fsys
}
