package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/internal/app"
	"github.com/besra-ml/besra/internal/bundle"
	"github.com/besra-ml/besra/internal/tools/lambdazip"
	"github.com/besra-ml/besra/models"
)

func awsPackageVerb() *verb {
	return &verb{
		name: "aws package", args: "[PATH…]", short: "packs models and besra into the zip of a Lambda function",
		long: `
PATH is a bundle (a folder or a zip), or a directory of models, <name>/<version>/. Without any, the demo is packed; if the
settings say where models are (models.dir), none is. Each bundle is proven before it is packed, and what is packed is
what was proven.

The zip holds the program bootstrap, the bundles under models/, and the settings, besra.yaml, with the files that they
name beside them: policy and its lists, auth.keys, authorities. Secrets do not belong there, and are refused. The same
files make the same zip, to the byte, by the same version of besra.

  besra aws package -o function.zip                          the demo, for arm64
  besra aws package fraud-3.zip -o function.zip --config besra.yaml
  besra aws package models -o function.zip --arch x86_64 --policy policy.yaml`,
		run: runAWSPackage,
	}
}

// packageFlags are the flags of besra aws package.
type packageFlags struct{ out, bootstrap, arch, config, policy string }

func runAWSPackage(_ context.Context, e *environ, v *verb, args []string) error {
	var f packageFlags
	fs := v.flags()
	fs.StringVar(&f.out, "o", "", "write the zip to this `file`")
	fs.StringVar(&f.bootstrap, "bootstrap", "", "the `file` of the program, for Linux and of one piece (default: what this release brings, or bootstrap-ARCH beside besra)")
	fs.StringVar(&f.arch, "arch", "", "the function's `architecture`, arm64 or x86_64 (default: what --bootstrap is for, else arm64)")
	fs.StringVar(&f.config, "config", "", "the settings `file` of the function")
	fs.StringVar(&f.policy, "policy", "", "the policy `file` that wins over the bundles' own")
	paths, err := v.parse(e, fs, args)
	switch {
	case err != nil:
		return err
	case f.out == "":
		return usagef("say where to write: -o ZIP")
	case f.arch != "" && !slices.Contains(lambdazip.Architectures(), f.arch):
		return usagef("--arch %q: want %s", f.arch, strings.Join(lambdazip.Architectures(), " or "))
	}
	if info, err := os.Stat(f.out); err == nil && info.IsDir() {
		return fmt.Errorf("%s: is a directory; name a file in it", f.out)
	}
	p := newParcel()
	defer p.close()
	if err := p.gather(f, paths); err != nil {
		return err
	}
	return p.write(e, f.out)
}

// A parcel is what goes into a zip.
type parcel struct {
	arch  string
	files []lambdazip.File
	notes map[string]string // what is to be said of a file, or of a folder, by its name in the zip
	open  []io.Closer
	taken map[string]bool // bundles, by the folder that they get
}

func newParcel() *parcel { return &parcel{notes: map[string]string{}, taken: map[string]bool{}} }

// modelsDir is where a function looks for bundles when nothing else is said.
const modelsDir = "models"

func (p *parcel) close() {
	for _, c := range p.open {
		_ = c.Close() // it was only read
	}
}

// gather finds everything, and proves what can be proven.
func (p *parcel) gather(f packageFlags, paths []string) error {
	if err := p.addBootstrap(f); err != nil {
		return err
	}
	return p.addContents(f, paths)
}

// addContents adds all but the bootstrap.
func (p *parcel) addContents(f packageFlags, paths []string) error {
	dir, err := p.addSettings(f)
	if err != nil {
		return err
	}
	elsewhere := dir != "" && path.Clean(dir) != modelsDir
	switch {
	case elsewhere && len(paths) > 0:
		return fmt.Errorf("%s: models.dir: the function serves %s, and would not look at what is packed: leave it out, or name no bundles", f.config, dir)
	case elsewhere:
		return nil
	case len(paths) == 0:
		return p.addBundle("the demo", models.Demo())
	}
	for _, path := range paths {
		if err := p.addPath(path); err != nil {
			return err
		}
	}
	return nil
}

func (p *parcel) addBootstrap(f packageFlags) (err error) {
	var program []byte
	from := f.bootstrap
	if from != "" {
		program, err = readBootstrap(from, f.arch)
	} else {
		program, from, err = findBootstrap(cmp.Or(f.arch, "arm64"))
	}
	if err != nil {
		return err
	}
	if p.arch, err = lambdazip.CheckBootstrap(program); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	p.add(lambdazip.Bootstrap, program)
	p.notes[lambdazip.Bootstrap] = "from " + from
	return nil
}

// add adds a file that is in memory.
func (p *parcel) add(name string, data []byte) {
	p.files = append(p.files, lambdazip.File{Name: name, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}})
}

// addFile adds a file of the disk.
func (p *parcel) addFile(name, file string) {
	p.files = append(p.files, lambdazip.File{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(file) }})
}

// addPath adds a bundle, or all that are in a directory of models, and what is pinned there.
func (p *parcel) addPath(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(file, "bundle.yaml")); info.IsDir() && errors.Is(err, fs.ErrNotExist) {
		return p.addDirectory(file)
	}
	fsys, closer, err := bundle.OpenFiles(file)
	switch {
	case errors.Is(err, bundle.ErrBare):
		return fmt.Errorf("%s: is a bare model file, and a function serves bundles, which prove themselves: make one with besra bundle %s --golden DIR --name %s --version 1 -o %s-1.zip",
			file, file, bundle.NameOf(file), bundle.NameOf(file))
	case err != nil:
		return err
	}
	p.open = append(p.open, closer)
	return p.addBundle(file, fsys)
}

func (p *parcel) addDirectory(dir string) error {
	c, err := app.ReadCatalogue(dir)
	if err != nil {
		return err
	}
	if len(c.Versions) == 0 {
		return fmt.Errorf("%s: no models: want <name>/<version>/bundle.yaml below it", dir)
	}
	for name, versions := range c.Versions {
		for _, version := range versions {
			if err := p.addPath(filepath.Join(dir, name, strconv.Itoa(version))); err != nil {
				return err
			}
			if at := path.Join(modelsDir, name, strconv.Itoa(version)); !p.taken[at] {
				return fmt.Errorf("%s: is not where its manifest says", filepath.Join(dir, name, strconv.Itoa(version)))
			}
		}
	}
	for name, version := range c.Pins {
		if !slices.Contains(c.Versions[name], version) {
			return fmt.Errorf("%s: pins version %d, which is not there", filepath.Join(dir, name, "live"), version)
		}
		p.add(path.Join(modelsDir, name, "live"), fmt.Appendf(nil, "%d\n", version))
	}
	return nil
}

// addBundle proves a bundle, and adds the files that it was read from, as they were then.
func (p *parcel) addBundle(from string, fsys fs.FS) error {
	b, err := bundle.Read(fsys)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	report, err := b.Prove()
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	at := path.Join(modelsDir, b.Name, strconv.Itoa(b.Version))
	if p.taken[at] {
		return fmt.Errorf("%s: %s@%d is there already", from, b.Name, b.Version)
	}
	p.taken[at] = true
	p.notes[at] = fmt.Sprintf("%s, proven on %d golden rows, from %s", formatOf(b.Model), report.Rows, from)
	for name, sum := range b.Sums {
		p.files = append(p.files, lambdazip.File{Name: path.Join(at, name), Sum: sum, Open: func() (io.ReadCloser, error) { return fsys.Open(name) }})
	}
	return nil
}

// write writes the zip, and tells what is in it.
func (p *parcel) write(e *environ, out string) error {
	var all []lambdazip.Packed
	sum := sha256.New()
	var size counter
	err := writeFile(out, func(w io.Writer) (err error) {
		all, err = lambdazip.Write(io.MultiWriter(w, sum, &size), p.files)
		return err
	})
	if err != nil {
		return err
	}
	var unpacked int64
	parts := map[string]int64{} // files that are told together, by their folder or name
	for _, f := range all {
		unpacked += f.Size
		parts[p.partOf(f.Name)] += f.Size
	}
	digest := sum.Sum(nil)
	text := fmt.Appendf(nil, "%s: %s, %s unpacked, for %s\nsha256 %x\nCodeSha256 %s\n",
		out, megabytes(int64(size)), megabytes(unpacked), p.arch, digest, base64.StdEncoding.EncodeToString(digest))
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		text = fmt.Appendf(text, "  %-20s %9s  %s\n", name, megabytes(parts[name]), p.notes[name])
	}
	text = fmt.Appendf(text, "next: besra aws template --zip %s\n", out)
	if size > lambdazip.MaxUpload {
		fmt.Fprintf(e.stderr, "%s: larger than the %d MiB that Lambda takes in an upload: put it into S3, from where it takes any\n", out, lambdazip.MaxUpload>>20)
	}
	_, err = e.stdout.Write(text)
	return err
}

// partOf returns the bundle that a file belongs to, or the file itself.
func (p *parcel) partOf(name string) string {
	for dir := name; dir != "."; dir = path.Dir(dir) {
		if p.taken[dir] {
			return dir
		}
	}
	return name
}

// A counter counts what is written to it, in bytes.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func megabytes(n int64) string { return fmt.Sprintf("%d.%02d MB", n/1e6, n/1e4%100) }
