package app

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/disk"
)

// A directory of models is <dir>/<name>/<version>/, a bundle each, and <dir>/<name>/live, which pins a version. It may
// be written by others while it is read: all goes through an os.Root, which follows no link out of it.

// What one directory may hold.
const (
	maxNames       = 1000
	maxVersions    = 1000   // of a name
	maxBundleFiles = 10_000 // of a version
	maxPin         = 32     // bytes of a pin
)

const pinFile = "live"

var (
	errMisplaced = errors.New("is not where its manifest says")
	errPin       = errors.New("want the number of a version")
	errMany      = errors.New("there are more than this version of besra looks at")
)

// A Catalogue is what a directory of models holds: versions, in order, and the one that is pinned, by name.
type Catalogue struct {
	Versions map[string][]int
	Pins     map[string]int
}

// ReadCatalogue looks into a directory of models, and reads none of them.
func ReadCatalogue(dir string) (Catalogue, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Catalogue{}, err
	}
	defer root.Close()
	l, err := list(root)
	if err != nil {
		return Catalogue{}, fmt.Errorf("%s: %w", dir, err)
	}
	for name, err := range l.unread {
		return Catalogue{}, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
	}
	for name, err := range l.badPins {
		return Catalogue{}, fmt.Errorf("%s: %w", filepath.Join(dir, name, pinFile), err)
	}
	for name := range l.versions {
		slices.Sort(l.versions[name])
	}
	return Catalogue{l.versions, l.pins}, nil
}

// A listing is what a directory holds.
type listing struct {
	versions map[string][]int // by name
	unread   map[string]error // names whose versions could not be listed
	pins     map[string]int
	badPins  map[string]error
}

// list lists a directory. Neither files nor links are models.
func list(root *os.Root) (*listing, error) {
	l := &listing{versions: map[string][]int{}, unread: map[string]error{}, pins: map[string]int{}, badPins: map[string]error{}}
	names, err := readDir(root, ".", maxNames)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		if !n.IsDir() {
			continue
		}
		name := n.Name()
		versions, err := readDir(root, name, maxVersions)
		if err != nil {
			l.unread[name] = err
			continue
		}
		for _, v := range versions {
			if version, ok := parseVersion(v.Name()); ok && v.IsDir() {
				l.versions[name] = append(l.versions[name], version)
			}
		}
		switch version, err := readPin(root, name); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			l.badPins[name] = err
		default:
			l.pins[name] = version
		}
	}
	return l, nil
}

// readDir lists a folder, of which most entries at most are looked at.
func readDir(root *os.Root, name string, most int) ([]fs.DirEntry, error) {
	f, err := bundle.OpenIn(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.ReadDir(most + 1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err == nil && len(all) > most {
		err = fmt.Errorf("%s: %w", name, errMany)
	}
	return all, err
}

// parseVersion reads the name of a version's folder: a number from 1, spelled as it prints.
func parseVersion(name string) (version int, ok bool) {
	n, err := strconv.ParseUint(name, 10, 31)
	return int(n), err == nil && n > 0 && strconv.FormatUint(n, 10) == name
}

func bundlePath(name string, version int) string { return path.Join(name, strconv.Itoa(version)) }

// readPin reads the version that <name>/live pins; fs.ErrNotExist: none.
func readPin(root *os.Root, name string) (version int, err error) {
	file := path.Join(name, pinFile)
	f, err := bundle.OpenIn(root, file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errPin
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPin+1))
	if err != nil {
		return 0, err
	}
	version, err = strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || version < 1 || len(data) > maxPin {
		return 0, errPin
	}
	return version, nil
}

// WritePin makes version the pinned one of a model of the directory dir. The pin is there whole, or as it was.
func WritePin(dir, name string, version int) (err error) {
	if !bundle.IsName(name) || version < 1 {
		return fmt.Errorf("%.80q, version %d: want a name of 1 to 64 of a-z, 0-9 and -, and a version from 1", name, version)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, folder := range []string{name, bundlePath(name, version)} {
		if info, err := root.Lstat(folder); err != nil || !info.IsDir() {
			return fmt.Errorf("%s: there is no folder %s", dir, folder)
		}
	}
	at, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer at.Close()
	temporary := "." + pinFile + "." + rand.Text()[:8]
	f, err := at.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%d\n", version)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = at.Rename(temporary, pinFile)
	}
	if err != nil {
		return errors.Join(err, at.Remove(temporary))
	}
	_ = disk.SyncDir(filepath.Join(dir, name)) // not every file system can; the pin is there
	return nil
}

// A glance is how the files of a version look from outside: paths, sizes, times.
type glance [sha256.Size]byte

// glanceAt looks at a version's files without opening them.
func glanceAt(root *os.Root, name string, version int) (g glance, err error) {
	sum := sha256.New()
	files := 0
	err = fs.WalkDir(root.FS(), bundlePath(name, version), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if files++; files > maxBundleFiles {
			return errMany
		}
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b := append([]byte(p), 0)
		b = binary.LittleEndian.AppendUint64(b, uint64(info.Size()))
		b = binary.LittleEndian.AppendUint64(b, uint64(info.ModTime().UnixNano()))
		b = binary.LittleEndian.AppendUint32(b, uint32(info.Mode()))
		sum.Write(b)
		return nil
	})
	sum.Sum(g[:0])
	return g, err
}

// readVersion reads, by read, and proves one version of a directory.
func readVersion(root *os.Root, name string, version int, read func(fs.FS) (*bundle.Bundle, error)) (b *bundle.Bundle, err error) {
	err = inVersion(root, name, version, func(fsys fs.FS) error {
		if b, err = read(fsys); err != nil {
			return err
		}
		if err := placed(b, name, version); err != nil {
			return err
		}
		_, err = b.Prove()
		return err
	})
	return b, err
}

// placed refuses a bundle that is not the version that was looked for.
func placed(b *bundle.Bundle, name string, version int) error {
	if b.Name != name || b.Version != version {
		return fmt.Errorf("%w: holds %s version %d", errMisplaced, b.Name, b.Version)
	}
	return nil
}

// sumVersion returns the digest of a version's files, or, where they are no bundle, what is wrong with them. It is ok
// unless the file system failed.
func sumVersion(root *os.Root, name string, version int) (sum string, ok bool) {
	err := inVersion(root, name, version, func(fsys fs.FS) (err error) {
		sum, err = bundle.Digest(fsys)
		return err
	})
	if err != nil {
		return err.Error(), !failed(err)
	}
	return sum, true
}

// failed reports whether an error is the file system's, which may pass.
func failed(err error) bool {
	var number syscall.Errno
	return errors.As(err, &number)
}

// inVersion calls do with the files of a version. A panic is an error: whatever is in a file, others are served.
func inVersion(root *os.Root, name string, version int, do func(fs.FS) error) (err error) {
	at, err := root.OpenRoot(bundlePath(name, version)) // follows no link out of it
	if err != nil {
		return err
	}
	defer at.Close()
	return guarded(func() error { return do(bundle.Files(at)) })
}

var errPanic = errors.New("panic")

func guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
	}()
	return do()
}

// hasManifest tells a bundle from a directory of models.
func hasManifest(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "bundle.yaml"))
	return err == nil
}
