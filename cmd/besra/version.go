package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version string

func versionVerb() *verb {
	return &verb{
		name: "version", short: "prints the version, and what it was built from",
		run: func(_ context.Context, e *environ, v *verb, args []string) error {
			fs := v.flags()
			if rest, err := v.parse(e, fs, args); err != nil {
				return err
			} else if len(rest) > 0 {
				return usagef("unexpected argument %q", rest[0])
			}
			_, err := fmt.Fprintf(e.stdout, "besra %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// buildVersion returns the release, or the commit that the toolchain recorded.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if commit == "" {
		return info.Main.Version
	}
	return commit + dirty
}
