package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/strictyaml"
)

// settingsName is the settings file of a function, in its zip.
const settingsName = "besra.yaml"

// addSettings adds the settings and the files that they name, and returns models.dir.
func (p *parcel) addSettings(f packageFlags) (modelsDir string, err error) {
	if f.config == "" {
		if f.policy == "" {
			return "", nil
		}
		p.add(settingsName, []byte("policy: policy.yaml\n"))
		return "", p.addPolicy("policy.yaml", f.policy)
	}
	data, err := strictyaml.ReadFile(f.config)
	if err != nil {
		return "", err
	}
	c, _, err := app.Load(app.Sources{File: f.config, Getenv: func(string) string { return "" }, Defaults: app.Defaults()})
	if err != nil {
		return "", err
	}
	p.add(settingsName, data)
	p.notes[settingsName] = "from " + f.config
	if f.policy != "" && c.Policy == "" {
		return "", fmt.Errorf("%s: does not say that there is a policy: add policy: %s", f.config, filepath.Base(f.policy))
	}
	for _, set := range c.Settings() {
		if err := p.addNamed(f, set.Name, set.Value.String()); err != nil {
			return "", fmt.Errorf("%s: %s: %w", f.config, set.Name, err)
		}
	}
	return c.Models.Dir, nil
}

var errSecret = errors.New("a secret does not belong into a zip: name a file of a layer (/opt/…), or use the environment of the function")

// addNamed adds the file that a setting names, if it is one that does. A function looks for it beside its settings, so it is
// taken from there; one that is named absolutely is for others to bring.
func (p *parcel) addNamed(f packageFlags, setting, file string) error {
	switch setting {
	case "policy", "auth.keys", "valkey.ca", "traces.ca":
	case "state.entity_key_file", "valkey.password_file", "traces.headers_file", "tls.key":
		if file != "" && !rooted(file) {
			return fmt.Errorf("%s: %w", file, errSecret)
		}
		return nil
	default:
		return nil
	}
	if file == "" || rooted(file) {
		if setting == "policy" && f.policy != "" {
			return fmt.Errorf("%s: is not in the zip, and --policy would be: name it without a folder", file)
		}
		return nil
	}
	if !filepath.IsLocal(file) {
		return fmt.Errorf("%s: leads out of the zip", file)
	}
	name, from := path.Clean(filepath.ToSlash(file)), filepath.Join(filepath.Dir(f.config), filepath.FromSlash(file))
	if setting != "policy" {
		if _, err := os.Stat(from); err != nil {
			return err
		}
		p.addFile(name, from)
		return nil
	}
	if f.policy != "" {
		from = f.policy
	}
	return p.addPolicy(name, from)
}

// addPolicy adds a policy, and the lists that it names.
func (p *parcel) addPolicy(name, file string) error {
	set, err := policy.ReadFile(file)
	if err != nil {
		return err
	}
	p.addFile(name, file)
	p.notes[name] = "from " + file
	added := map[string]bool{}
	for _, model := range set {
		for _, l := range model.Lists {
			if added[l.File] || rooted(l.File) {
				continue
			}
			if !filepath.IsLocal(l.File) {
				return fmt.Errorf("%s: the list %s leads out of the zip", file, l.File)
			}
			added[l.File] = true
			p.addFile(path.Join(path.Dir(name), filepath.ToSlash(l.File)), filepath.Join(filepath.Dir(file), filepath.FromSlash(l.File)))
		}
	}
	return nil
}

// rooted reports whether a path is absolute for a function, which runs on Linux.
func rooted(file string) bool { return strings.HasPrefix(file, "/") }
