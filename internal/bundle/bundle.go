// Package bundle reads what ships with a model: the file as its trainer saved it, a manifest, and golden rows
// with the trainer's own answers, which prove that this machine gives the same.
//
// A bundle is a folder or a zip file:
//
//	bundle.yaml         the manifest
//	model.ubj           the model, under any name
//	golden/rows.csv     rows, as besra predict reads them
//	golden/margin.csv   their margins and
//	golden/value.csv    their values, as besra predict writes them
//	golden/leaf.csv     the leaves that they reach (optional): they tell which tree an error is in
//	features.yaml       how an event becomes a row (optional)
//	reference.yaml      how its scores and features were distributed when it was made (optional): what drift is told from
//	policy.yaml         the policy it was released with (optional)
//
// The manifest lists the digest of each file. A listed file that is absent or differs makes the bundle
// incomplete. A file that is not listed and not named above is never looked at; one that is named above is
// taken as it is, and noted.
package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/besra-ml/besra"
	"github.com/besra-ml/besra/internal/drift"
	"github.com/besra-ml/besra/internal/feature"
	"github.com/besra-ml/besra/internal/packed"
	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/strictyaml"
)

// Why a bundle is refused.
var (
	ErrIncomplete = errors.New("incomplete")                         // a listed file is absent, or not the one that was listed
	ErrNotProven  = errors.New("does not reproduce its golden rows") // golden rows came out different
	ErrBare       = errors.New("a bare model file has nothing to prove it by")
	ErrNoBundle   = errors.New("is no bundle") // there is no manifest
)

// The files that a bundle may have beside its manifest and its model.
const (
	rowsFile     = "golden/rows.csv"
	marginFile   = "golden/margin.csv"
	valueFile    = "golden/value.csv"
	leafFile     = "golden/leaf.csv"
	policyFile   = "policy.yaml"
	featuresFile = "features.yaml"

	referenceFile = "reference.yaml"
)

// A Bundle is a model that can be served: the model, what may be asked of it, and its proof.
type Bundle struct {
	Manifest
	Model    *besra.Model        // of the manifest's rounds, and with its number for missing
	Features []Feature           // one for each of the model's columns, in the order of a row
	Output   int                 // which of a row's values is the score; -1: there are several, and none was chosen
	Events   *feature.Definition // how an event becomes a row; nil: it takes rows only
	Policy   *policy.Policy      // nil: none
	Golden   *Golden             // nil for a bare model file; may be dropped after Prove to free its memory
	Digest   string              // sha256:… over all files, the same for a folder and a zip of it
	Sums     map[string]string   // the hexadecimal SHA-256 of each file that was read, by path: all that a copy needs
	Size     int64               // bytes of the model file
	Notes    []string            // what its operator should know, a sentence each
	Proven   bool                // Prove has passed

	Reference *drift.Reference // what drift is told from; nil: it is not told
}

// Bare reports whether b was made from a model file alone.
func (b *Bundle) Bare() bool { return b.Version == 0 }

// Columns returns the columns of a row, by the names that the bundle gives them.
func (b *Bundle) Columns() []besra.Column {
	cs := make([]besra.Column, len(b.Features))
	for i, f := range b.Features {
		cs[i] = f.Column
	}
	return cs
}

// Options say what a bare model file leaves out, which a manifest would say.
type Options struct {
	Missing    *float64   // a number that the trainer was told to take for missing; nil: none but NaN
	Iterations Iterations // the boosting rounds that count
}

// Load opens the bundle or the model file at path, and proves it. A bare model file is not proven, and no error.
func Load(path string) (*Bundle, error) {
	b, err := Open(path)
	if err != nil {
		return nil, err
	}
	if _, err := b.Prove(); err != nil && !errors.Is(err, ErrBare) {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return b, nil
}

// Open reads the bundle at path, a folder or a zip file, or a bare model file, which becomes version 0 of a
// model of its own name. Digests are checked; nothing is proven yet.
func Open(path string) (*Bundle, error) { return OpenWith(path, Options{}) }

// OpenWith is Open for a model file that leaves something out. A bundle says it all: with it, options are an
// error.
func OpenWith(path string, o Options) (*Bundle, error) {
	b, err := open(path, o)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return b, nil
}

func open(path string, o Options) (*Bundle, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, cause(err)
	}
	var read func() (*Bundle, error)
	switch packed, err := isZip(path, info); {
	case err != nil:
		return nil, cause(err)
	case info.IsDir():
		read = func() (*Bundle, error) { return openFolder(path) }
	case packed:
		read = func() (*Bundle, error) { return openZip(path) }
	default:
		return openBare(path, o)
	}
	if o != (Options{}) {
		return nil, errors.New("is a bundle: its manifest says what is missing and which iterations count")
	}
	return read()
}

func openFolder(path string) (*Bundle, error) {
	fsys, files, err := folder(path)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	return Read(fsys)
}

func openZip(path string) (*Bundle, error) {
	fsys, files, err := unzip(path)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	return Read(fsys)
}

// OpenFiles returns the files of the bundle at path, a folder or a zip file, for Read and for whoever copies them, who also
// closes them. A model file is ErrBare.
func OpenFiles(path string) (fsys fs.FS, files io.Closer, err error) {
	info, err := os.Stat(path)
	if err == nil {
		packed := false
		switch packed, err = isZip(path, info); {
		case err != nil:
		case info.IsDir():
			fsys, files, err = folder(path)
		case packed:
			fsys, files, err = unzip(path)
		default:
			err = ErrBare
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open %s: %w", path, cause(err))
	}
	return fsys, files, nil
}

func folder(path string) (fs.FS, io.Closer, error) {
	root, err := os.OpenRoot(path) // follows no link out of it
	if err != nil {
		return nil, nil, cause(err)
	}
	return Files(root), root, nil
}

func unzip(path string) (fs.FS, io.Closer, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, nil, cause(err)
	}
	info, err := os.Stat(path)
	if err == nil {
		err = checkZip(&z.Reader, info.Size())
	}
	if err != nil {
		z.Close()
		return nil, nil, cause(err)
	}
	return &z.Reader, z, nil
}

// openBare makes a bundle of a model file.
func openBare(path string, o Options) (*Bundle, error) {
	dir, base := filepath.Split(path)
	c := newContents(os.DirFS(filepath.Clean(dir + ".")))
	b := &Bundle{Manifest: Manifest{Name: NameOf(path), Model: base, Missing: o.Missing, Iterations: o.Iterations}}
	if err := b.readModel(c); err != nil {
		return nil, err
	}
	b.Trainer = Trainer{b.Model.Format(), b.Model.Trainer()}
	b.Digest = c.digest()
	b.Notes = append(b.Notes, "a bare model file: nothing proves that it predicts as its trainer did")
	return b, nil
}

// NameOf returns the name under which a bare model file is served: its base name without extension, in lower
// case, with - for every character that a name cannot have.
func NameOf(path string) string {
	base := packed.Base(filepath.Base(path))
	if ext := filepath.Ext(base); ext != base {
		base = strings.TrimSuffix(base, ext)
	}
	var name []byte
	for _, r := range strings.ToLower(base) {
		if r < 0x80 && IsName(string(r)) {
			name = append(name, byte(r))
		} else {
			name = append(name, '-')
		}
	}
	if len(name) == 0 {
		return "model"
	}
	return string(name[:min(len(name), 64)])
}

// Read reads a bundle from a file system that has bundle.yaml at its root, such as an embedded one.
func Read(fsys fs.FS) (*Bundle, error) { return read(fsys, (*Bundle).readReference) }

// ReadLean is Read for a process that compares nothing with the reference, which is a fifth of the work: that the file is
// whole is checked, and no more.
func ReadLean(fsys fs.FS) (*Bundle, error) { return read(fsys, (*Bundle).skipReference) }

func read(fsys fs.FS, reference func(*Bundle, *contents) error) (*Bundle, error) {
	c := newContents(fsys)
	m, err := c.readManifest()
	if err != nil {
		return nil, err
	}
	b := &Bundle{Manifest: *m}
	compared := func(c *contents) error { return reference(b, c) }
	for _, read := range []func(*contents) error{b.readModel, b.readGolden, b.readEvents, compared, b.readPolicy, (*contents).rest} {
		if err := read(c); err != nil {
			return nil, err
		}
	}
	b.Digest, b.Sums = c.digest(), c.sums
	b.Notes = append(b.Notes, c.notes...)
	return b, nil
}

// Digest returns what Read finds as the Digest of a bundle, without reading its model: whether its files are still those
// that were read.
func Digest(fsys fs.FS) (string, error) {
	c := newContents(fsys)
	if _, err := c.readManifest(); err != nil {
		return "", err
	}
	for _, path := range []string{rowsFile, marginFile, valueFile, leafFile, featuresFile, referenceFile, policyFile} {
		if _, listed := c.files[path]; listed || !c.has(path) {
			continue
		}
		if err := c.use(path, func(io.Reader, int64) error { return nil }); err != nil {
			return "", err
		}
	}
	if err := c.rest(); err != nil {
		return "", err
	}
	return c.digest(), nil
}

func (c *contents) readManifest() (*Manifest, error) {
	data, err := c.all(manifestFile, strictyaml.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: it has no %s", ErrNoBundle, manifestFile)
	}
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(data)
	if err == nil {
		c.files = m.Files
	}
	return m, err
}

// readModel reads the model, and what the manifest says of it.
func (b *Bundle) readModel(c *contents) error {
	var m *besra.Model
	err := c.use(b.Manifest.Model, func(r io.Reader, size int64) (err error) {
		b.Size = size
		if r, err = unpacked(r, size); err == nil {
			m, err = besra.Read(r, besra.Options{Missing: b.Missing})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", b.Manifest.Model, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if b.Model, err = b.Iterations.Of(m); err != nil {
		return fmt.Errorf("%s: %w", b.Manifest.Model, err)
	}
	if b.Features, err = features(m.Columns(), b.Manifest.Features); err != nil {
		return err
	}
	if b.Trainer.Library != "" && b.Trainer.Library != m.Format() {
		return fmt.Errorf("%s: trainer.library is %.80q, but %s is a file of %s",
			manifestFile, b.Trainer.Library, b.Manifest.Model, m.Format())
	}
	b.Output, err = score(m, b.Manifest.Output)
	return err
}

// unpacked returns a reader of what a model file of that size has packed, or of the file itself. What it may unpack to is
// bounded as a zip file is.
func unpacked(r io.Reader, size int64) (io.Reader, error) {
	var head [4]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), r)
	if packed.By(head[:n]) == "" {
		return &sized{whole, int(size)}, nil
	}
	return packed.All(whole, min(max(size*maxRatio, freeUnpacked), maxUnpacked))
}

// Of returns the model that the chosen rounds of m make.
func (i Iterations) Of(m *besra.Model) (*besra.Model, error) {
	switch {
	case i.Some:
		return m.Range(i.From, i.To)
	case i.Best:
		best, ok := m.BestIteration()
		if !ok {
			return nil, errors.New("iterations best: the file records no best one")
		}
		return m.Range(0, best+1)
	}
	return m, nil
}

// score returns which value is the score.
func score(m *besra.Model, output string) (int, error) {
	n := m.Values()
	if output == "" {
		switch {
		case n == 1:
			return 0, nil
		case n == 2 && m.Probability():
			return 1, nil // the positive class
		}
		return -1, nil
	}
	for i, label := range m.Labels() {
		if label == output && i < n {
			return i, nil
		}
	}
	i, err := strconv.Atoi(output)
	if err != nil || i < 0 || i >= n {
		return 0, fmt.Errorf("%s: output: %.80q is none of the model's %d, which count from 0", manifestFile, output, n)
	}
	return i, nil
}

// readEvents reads how an event becomes a row, if the bundle says.
func (b *Bundle) readEvents(c *contents) error {
	data, err := c.optional(featuresFile)
	if data == nil || err != nil {
		return err
	}
	if b.Events, err = feature.Parse(featuresFile, data); err != nil {
		return err
	}
	return b.Events.Bind(b.Columns())
}

func (b *Bundle) readPolicy(c *contents) error {
	data, err := c.optional(policyFile)
	if data == nil || err != nil {
		return err
	}
	if b.Policy, err = policy.Parse(policyFile, data); err != nil {
		return err
	}
	for _, l := range b.Policy.Lists {
		if _, listed := c.files[l.File]; !listed {
			return fmt.Errorf("%s: %s is not among the files of %s", policyFile, l.File, manifestFile)
		}
		if err := c.use(l.File, l.Read); err != nil {
			return err
		}
	}
	return nil
}

// isZip reports whether the file at path starts as zip files do.
func isZip(path string, info fs.FileInfo) (bool, error) {
	if !info.Mode().IsRegular() {
		return false, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 4)
	if _, err := io.ReadFull(f, head); err != nil {
		return false, nil // too short for one
	}
	return bytes.Equal(head, []byte("PK\x03\x04")) || bytes.Equal(head, []byte("PK\x05\x06")), nil
}

// cause strips the path from an error, for a caller who names it.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
