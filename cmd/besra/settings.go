package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"

	"github.com/besra-ml/besra/internal/app"
)

// settingFlags are the flags of a verb that runs the service: one for each setting, and --config.
type settingFlags struct {
	file  string
	given map[string]string // what was said, by setting
}

// addSettings adds the flags of all settings to fs.
func addSettings(fs *flag.FlagSet, defaults app.Config) *settingFlags {
	s := &settingFlags{given: map[string]string{}}
	fs.StringVar(&s.file, "config", "", "settings `file` (default besra.yaml, if it is there)")
	for _, set := range defaults.Settings() {
		fs.Var(&settingFlag{set, s.given}, set.Flag(), set.Usage)
		if set.Name == "models.dir" {
			fs.Var(&settingFlag{set, s.given}, "models", "the same as --"+set.Flag()+", a `directory`")
		}
	}
	return s
}

// A settingFlag checks what it is given and remembers it: a flag wins over what is read later.
type settingFlag struct {
	app.Setting
	given map[string]string
}

func (f *settingFlag) Set(v string) error {
	if err := f.Value.Set(v); err != nil {
		return err
	}
	f.given[f.Name] = v
	return nil
}

func (f *settingFlag) String() string {
	if f.Value == nil {
		return ""
	}
	return f.Value.String()
}

func (f *settingFlag) IsBoolFlag() bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// load gathers the settings from all sources.
func (s *settingFlags) load(e *environ, defaults app.Config) (app.Config, app.Origins, error) {
	return app.Load(app.Sources{File: s.file, Getenv: e.getenv, Flags: s.given, Defaults: defaults})
}

// logger writes JSON lines of at least that level.
func logger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})), nil
}
