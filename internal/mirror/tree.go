package mirror

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What one mirror may hold. A directory of models on this machine has the same limits of names and versions.
const (
	maxObjects  = 50_000
	maxNames    = 1000
	maxVersions = 1000      // of a name
	maxFiles    = 10_000    // of a version
	maxFile     = 1<<31 - 1 // bytes, as of model files
	maxPin      = 32        // bytes of a pin
	maxPath     = 512       // bytes
	maxDepth    = 16
)

const (
	manifestFile = "bundle.yaml"
	pinFile      = "live"
	recordFile   = ".mirror.json" // ours
)

// A tree is what a list of objects makes of a copy.
type tree struct {
	folders map[string]*folder // by path
	pins    map[string]Object  // by the model's name
	strange []string           // keys that are no paths, and in no version
}

// A folder is copied whole or not at all: a version, a bundle, or a single object in a folder of its own.
type folder struct {
	path  string
	files map[string]Object // by their path in it
	err   error             // it is not to be had like this
}

// modelsOf arranges what a directory of models has below prefix: <name>/<version>/… and <name>/live. What is neither is
// not looked at, as in a directory on this machine.
func modelsOf(all []Object, prefix string) (*tree, error) {
	t := &tree{folders: map[string]*folder{}, pins: map[string]Object{}}
	versions := map[string]int{} // of a name
	for _, o := range all {
		rel := strings.TrimPrefix(o.Key, prefix)
		name, rest, below := strings.Cut(rel, "/")
		if rel == "" || !below || rest == "" {
			continue
		}
		if checkPath(name) != nil {
			t.strange = append(t.strange, o.Key)
			continue
		}
		if rest == pinFile {
			t.pins[name] = o
			continue
		}
		version, file, below := strings.Cut(rest, "/")
		if !below || !isVersion(version) {
			continue
		}
		at := path.Join(name, version)
		if t.folders[at] == nil {
			t.folders[at] = &folder{path: at, files: map[string]Object{}}
			if versions[name]++; versions[name] > maxVersions {
				return nil, fmt.Errorf("%s: %w: %d versions", name, errMany, maxVersions)
			}
			if len(versions) > maxNames {
				return nil, fmt.Errorf("%w: %d names", errMany, maxNames)
			}
		}
		t.folders[at].add(file, o)
	}
	for _, f := range t.folders {
		f.settle()
	}
	return t, nil
}

// only is what the only folder of a tree is called.
const only = "only"

// folderOf arranges what is below prefix as one folder, a bundle's or another's.
func folderOf(all []Object, prefix string, bundle bool) *tree {
	f := &folder{path: only, files: map[string]Object{}}
	for _, o := range all {
		f.add(strings.TrimPrefix(o.Key, prefix), o)
	}
	if bundle {
		f.settle()
	}
	return &tree{folders: map[string]*folder{only: f}}
}

var errMany = errors.New("there are more than this version of besra looks at")

// add adds a file. What is wrong with its key is wrong with the folder.
func (f *folder) add(file string, o Object) {
	if file == "" || strings.HasSuffix(file, "/") && o.Size == 0 {
		return // consoles mark folders like this
	}
	_, twice := f.files[file]
	err := checkPath(file)
	switch {
	case f.err != nil:
		return
	case err != nil:
	case file == recordFile:
		err = errors.New("the name is reserved")
	case twice:
		err = errors.New("it is listed twice")
	case o.Size > maxFile:
		err = fmt.Errorf("larger than %d bytes", maxFile)
	case len(f.files) >= maxFiles:
		err = fmt.Errorf("%w: %d files", errMany, maxFiles)
	}
	if err != nil {
		f.err = fmt.Errorf("key %.200q: %w", o.Key, err)
		return
	}
	f.files[file] = o
}

// size returns how many bytes a folder has.
func (f *folder) size() (n int64) {
	for _, o := range f.files {
		n += o.Size
	}
	return n
}

// settle leaves out what would be copied for nothing: a version without a manifest is none, and may be large.
func (f *folder) settle() {
	if _, ok := f.files[manifestFile]; !ok && f.path != objectFolder {
		clear(f.files)
	}
}

// isVersion reports whether s is the name of a version's folder.
func isVersion(s string) bool {
	n, err := strconv.ParseUint(s, 10, 31)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}

// checkPath says what keeps a key from being a path below a directory, on every system.
func checkPath(p string) error {
	if len(p) > maxPath || strings.Count(p, "/") >= maxDepth {
		return errors.New("too long, or too deep")
	}
	if !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`\:`, r) }) {
		return errors.New("it has characters that paths do not have")
	}
	for part := range strings.SplitSeq(p, "/") {
		switch {
		case part == "", part == ".", part == "..":
			return errors.New("it leads elsewhere, or nowhere")
		case len(part) > 255:
			return errors.New("too long")
		}
	}
	return nil
}
