package bundle

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
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

	"github.com/besra-ml/besra/internal/policy"
	"github.com/besra-ml/besra/internal/rows"
	"github.com/besra-ml/besra/internal/strictyaml"
)

// A Recipe says what a new bundle is made of.
type Recipe struct {
	Manifest        // Name, Version, ULP, Missing, Iterations, Output, Memo and About count; the rest is found
	Model    string // the model file
	Golden   string // the folder of golden rows
	Events   string // the file that says how an event becomes a row; "": none
	Policy   string // the policy file; "": none
	// Reference is the file of rows that drift is told from, as besra predict reads them, such as a sample of those
	// that the model was validated on; columns that the model does not have are passed over. "": the golden rows.
	Reference string
	Force     bool // what is at the place of the bundle may be replaced
}

// Write makes a bundle at out, a zip file when out ends in .zip, and proves it before it appears there, whole.
// The same files make the same bytes.
func Write(out string, r Recipe) (*Bundle, Report, error) {
	b, report, err := write(filepath.Clean(out), r)
	if err != nil {
		return nil, report, fmt.Errorf("write %s: %w", out, err)
	}
	return b, report, nil
}

func write(out string, r Recipe) (_ *Bundle, report Report, err error) {
	if _, err := os.Lstat(out); err == nil && !r.Force {
		return nil, report, errors.New("is already there; --force replaces it")
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return nil, report, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(out), ".besra-bundle-")
	if err != nil {
		return nil, report, cause(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	made := filepath.Join(temp, "new")
	if err := stage(made, r); err != nil {
		return nil, report, err
	}
	if strings.HasSuffix(out, ".zip") {
		if err := pack(made+".zip", made); err != nil {
			return nil, report, err
		}
		made += ".zip"
	}
	b, err := open(made, Options{})
	if err != nil {
		return nil, report, err
	}
	if report, err = b.Prove(); err != nil {
		return nil, report, err
	}
	return b, report, move(made, out, filepath.Join(temp, "old"))
}

// move puts what was made in its place; what is there goes to old first, since a folder replaces none.
func move(made, out, old string) error {
	err := os.Rename(out, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	replaced := err == nil
	if err := os.Rename(made, out); err != nil {
		if replaced {
			return errors.Join(err, os.Rename(old, out))
		}
		return err
	}
	return nil
}

// stage writes the bundle's folder, its manifest last.
func stage(dir string, r Recipe) error {
	bare, err := OpenWith(r.Model, Options{Missing: r.Missing, Iterations: r.Iterations})
	switch {
	case err != nil:
		return err
	case !bare.Bare():
		return fmt.Errorf("%s is a bundle already; want the model file of one", r.Model)
	}
	m := r.Manifest
	m.Model, m.Trainer, m.Files = modelName(r.Model), bare.Trainer, map[string]string{}
	sources := []source{
		{m.Model, r.Model, false},
		{rowsFile, filepath.Join(r.Golden, path.Base(rowsFile)), false},
		{marginFile, filepath.Join(r.Golden, path.Base(marginFile)), bare.Model.ValueOnly()},
		{valueFile, filepath.Join(r.Golden, path.Base(valueFile)), false},
		{leafFile, filepath.Join(r.Golden, path.Base(leafFile)), true},
		{featuresFile, r.Events, r.Events == ""},
		{policyFile, r.Policy, r.Policy == ""},
	}
	lists, err := listFiles(r.Policy)
	if err != nil {
		return err
	}
	for _, s := range append(sources, lists...) {
		if s.path == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(path.Dir(s.name))), 0o755); err != nil {
			return err
		}
		sum, err := copyFile(filepath.Join(dir, filepath.FromSlash(s.name)), s.path)
		switch {
		case s.optional && errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		}
		m.Files[s.name] = sum
	}
	text, err := r.reference(bare)
	if err != nil {
		return err
	}
	if text != nil {
		m.Files[referenceFile] = fmt.Sprintf("%x", sha256.Sum256(text))
		if err := os.WriteFile(filepath.Join(dir, referenceFile), text, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, manifestFile), m.yaml(bare.Features), 0o644)
}

// A source is a file of the new bundle, and where it comes from.
type source struct {
	name, path string
	optional   bool
}

// listFiles returns the lists that a policy names.
func listFiles(file string) ([]source, error) {
	if file == "" {
		return nil, nil
	}
	data, err := strictyaml.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(file, data)
	if err != nil {
		return nil, err
	}
	var lists []source
	for _, l := range p.Lists {
		lists = append(lists, source{name: l.File, path: filepath.Join(filepath.Dir(file), filepath.FromSlash(l.File))})
	}
	return lists, nil
}

// modelName returns the name that a model file has in its bundle.
func modelName(file string) string {
	base := filepath.Base(file)
	if isPath(base) && !slices.Contains([]string{manifestFile, policyFile, featuresFile, referenceFile}, base) && base != "golden" {
		return base
	}
	return "model" + filepath.Ext(base)
}

// copyFile copies a file and returns its digest.
func copyFile(to, from string) (sum string, err error) {
	src, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(dst, h), src)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, dst.Close())
}

// pack zips a folder: in the order of the names, with no times.
func pack(file, dir string) (err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := zip.NewWriter(f)
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: filepath.ToSlash(name), Method: zip.Deflate})
		if err != nil {
			return err
		}
		src, err := os.Open(p)
		if err != nil {
			return err
		}
		defer src.Close()
		_, err = io.Copy(w, src)
		return err
	})
	return errors.Join(err, z.Close())
}

// yaml returns the text of bundle.yaml.
func (m *Manifest) yaml(features []Feature) []byte {
	var b []byte
	add := func(format string, args ...any) { b = fmt.Appendf(b, format, args...) }
	q := strictyaml.Quote
	add("besra: 1\nname: %s\nversion: %d\nmodel: %s\nfiles:\n", q(m.Name), m.Version, q(m.Model))
	for _, path := range sortedKeys(m.Files) {
		add("  %s: sha256:%s\n", q(path), m.Files[path])
	}
	add("trainer: {library: %s", q(m.Trainer.Library))
	if m.Trainer.Version != "" {
		add(", version: %s", q(m.Trainer.Version))
	}
	add("}\nparity: %s\nmissing: %s\niterations: %s\n", m.parity(), m.missing(), quoteIterations(m.Iterations))
	if m.Output != "" {
		add("output: %s\n", q(m.Output))
	}
	add("features:\n")
	for _, f := range features {
		add("  - {name: %s, type: %v}\n", q(f.Name), f.Type)
	}
	add("memo: %t\n", m.Memo)
	if len(m.About) > 0 {
		add("about:\n")
	}
	for _, a := range m.About {
		add("  %s: %s\n", q(a.Name), q(a.Text))
	}
	return b
}

func (m *Manifest) parity() string {
	if m.ULP == 0 {
		return "exact"
	}
	return fmt.Sprintf("{ulp: %d}", m.ULP)
}

func (m *Manifest) missing() string {
	if m.Missing == nil {
		return "nan"
	}
	return string(rows.AppendNumber(nil, *m.Missing, 64))
}

func quoteIterations(i Iterations) string {
	if i.Some {
		return strconv.Quote(i.String()) // bare, A:B could be a map or a time of day
	}
	return i.String()
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
