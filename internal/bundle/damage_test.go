package bundle_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/besra-ml/besra/internal/bundle"
)

func TestAHalfCopiedBundleIsIncomplete(t *testing.T) {
	whole := newKit(t, plain)
	for name := range whole {
		if name == "bundle.yaml" {
			continue
		}
		t.Run("without "+name, func(t *testing.T) {
			k := newKit(t, plain)
			delete(k, name)
			_, err := bundle.Load(k.folder(t))
			if !errors.Is(err, bundle.ErrIncomplete) || !strings.Contains(err.Error(), name+" is missing") {
				t.Error(err)
			}
		})
		t.Run("with half of "+name, func(t *testing.T) {
			k := newKit(t, plain)
			k[name] = k[name][:len(k[name])/2]
			_, err := bundle.Load(k.zipped(t))
			if !errors.Is(err, bundle.ErrIncomplete) || !strings.Contains(err.Error(), name+" is not the file that bundle.yaml lists") {
				t.Error(err)
			}
		})
	}
	t.Run("without its manifest", func(t *testing.T) {
		k := newKit(t, plain)
		delete(k, "bundle.yaml")
		if _, err := bundle.Load(k.folder(t)); err == nil || !strings.Contains(err.Error(), "is no bundle: it has no bundle.yaml") {
			t.Error(err)
		}
	})
}

func TestAListedFileThatNobodyReadsIsCheckedToo(t *testing.T) {
	k := newKit(t, plain)
	k["card.md"] = "a model card"
	k.sign("name: fraud\nversion: 3\n")
	if _, err := bundle.Read(k.fs()); err != nil {
		t.Fatal(err)
	}
	k["card.md"] += "."
	if _, err := bundle.Read(k.fs()); !errors.Is(err, bundle.ErrIncomplete) {
		t.Error(err)
	}
}

// change changes a cell of a golden file; line and column are from 0.
func (k kit) change(name string, line, column int, cell string) {
	lines := strings.Split(k[name], "\n")
	cells := strings.Split(lines[line], ",")
	cells[column] = cell
	lines[line] = strings.Join(cells, ",")
	k[name] = strings.Join(lines, "\n")
	k.sign("name: fraud\nversion: 3\n")
}

func TestABundleThatDoesNotReproduceItsGoldenRowsIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		file         string
		line, column int
		cell, want   string
	}{
		"a value":       {"golden/value.csv", 7, 0, "0.5", "golden/value.csv:8: column 1: got 0."},
		"a NaN":         {"golden/value.csv", 7, 0, "nan", "want nan"},
		"a margin":      {"golden/margin.csv", 1, 0, "1e30", "golden/margin.csv:2: column 1: got "},
		"a zero":        {"golden/margin.csv", 2, 0, "-0", "want -0, "},
		"a leaf":        {"golden/leaf.csv", 3, 1, "99", "golden/leaf.csv:4: column 2: got "},
		"a tree's leaf": {"golden/leaf.csv", 3, 1, "99", "want 99; tree 1 is the first that leads elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKit(t, plain)
			k.change(c.file, c.line, c.column, c.cell)
			b, err := bundle.Load(k.folder(t))
			if !errors.Is(err, bundle.ErrNotProven) || !strings.Contains(err.Error(), c.want) || b != nil {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAnswersMayBeAsFarAsTheManifestAllows(t *testing.T) {
	k := newKit(t, plain)
	cell := strings.Split(k["golden/value.csv"], "\n")[1]
	x, err := strconv.ParseFloat(cell, 32)
	if err != nil {
		t.Fatal(err)
	}
	near := strconv.FormatFloat(float64(math.Nextafter32(math.Nextafter32(float32(x), 9), 9)), 'g', -1, 32)
	k.change("golden/value.csv", 1, 0, near)
	for manifest, proven := range map[string]bool{"parity: exact\n": false, "parity: {ulp: 1}\n": false, "parity: {ulp: 2}\n": true} {
		k.sign("name: fraud\nversion: 3\n" + manifest)
		b, err := bundle.Read(k.fs())
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.Prove()
		if (err == nil) != proven || b.Proven != proven {
			t.Errorf("%s proven %t: %v", manifest, b.Proven, err)
		}
		if a := r.Answers[1]; a.Kind != "value" || a.ULP != 2 || a.Exact != a.Numbers-1 || a.Exact == 0 {
			t.Errorf("%+v", a)
		}
	}
}

func TestGoldenFilesMustFit(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"no rows":           {"golden/rows.csv", "f0,f1,f2,f3,f4\n", "has no rows"},
		"another column":    {"golden/rows.csv", "f0,f1,f2,f3,f4,y\n", `golden/rows.csv: unknown column "y"`},
		"a bad cell":        {"golden/value.csv", "value\n0.5\nx\n", `golden/value.csv:3: "x" is no number`},
		"too few answers":   {"golden/value.csv", "value\n0.5\n", "golden/value.csv: has 1 rows, but golden/rows.csv has "},
		"another kind":      {"golden/value.csv", "margin\n0.5\n", `golden/value.csv: column "margin" should be "value_0"`},
		"too many columns":  {"golden/margin.csv", "margin_0,margin_1\n1,2\n", "golden/margin.csv: has 2 columns, but the model's margin has 1"},
		"leaves of no tree": {"golden/leaf.csv", "leaf_0\n1\n", "golden/leaf.csv: has 1 columns"},
		"an empty file":     {"golden/margin.csv", "", "golden/margin.csv: is empty"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			k := newKit(t, plain)
			k[c.file] = c.text
			k.sign("name: fraud\nversion: 3\n")
			_, err := bundle.Read(k.fs())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for _, file := range []string{"golden/rows.csv", "golden/margin.csv", "golden/value.csv"} {
		t.Run("no "+file+" is refused", func(t *testing.T) {
			k := newKit(t, plain)
			delete(k, file)
			k.sign("name: fraud\nversion: 3\n")
			_, err := bundle.Read(k.fs())
			if err == nil || !strings.Contains(err.Error(), file+" is missing: golden rows prove") {
				t.Error(err)
			}
		})
	}
}

func TestManifestsAreReadStrictly(t *testing.T) {
	sum := strings.Repeat("0", 64)
	head := "besra: 1\nname: fraud\nversion: 3\nmodel: model.ubj\nfiles: {model.ubj: sha256:" + sum + "}\n"
	without := func(member string) string {
		var keep []string
		for line := range strings.Lines(head) {
			if !strings.HasPrefix(line, member+":") {
				keep = append(keep, line)
			}
		}
		return strings.Join(keep, "")
	}
	for name, c := range map[string]struct{ text, want string }{
		"an unknown member":            {head + "modell: x\n", `bundle.yaml:6: unknown member "modell", did you mean "model"?`},
		"another layout":               {"besra: 2\n" + without("besra"), "bundle.yaml:1: besra: layout 2 is not known"},
		"no layout":                    {without("besra"), "besra: is missing"},
		"no name":                      {without("name"), "name: is missing"},
		"no version":                   {without("version"), "version: is missing"},
		"no model":                     {without("model"), "model: is missing"},
		"no files":                     {without("files"), "files: is missing"},
		"a name with capitals":         {without("name") + "name: Fraud\n", "name: want 1 to 64 of a-z, 0-9 and -"},
		"a long name":                  {without("name") + "name: " + strings.Repeat("a", 65) + "\n", "name: want 1 to 64"},
		"a name that is a path":        {without("name") + "name: ../x\n", "name: want 1 to 64"},
		"version 0":                    {without("version") + "version: 0\n", "version: want 1 to"},
		"a quoted version":             {without("version") + "version: \"3\"\n", "version: want a whole number"},
		"a fractional version":         {without("version") + "version: 3.5\n", "version: want a whole number"},
		"a huge version":               {without("version") + "version: 3000000000\n", "version: want 1 to"},
		"a model elsewhere":            {without("model") + "model: ../model.ubj\n", "model: want the path of a file within the bundle"},
		"an absolute model":            {without("model") + "model: /etc/passwd\n", "model: want the path of a file within the bundle"},
		"a backslash":                  {without("model") + "model: 'a\\b'\n", "model: want the path of a file within the bundle"},
		"a listed file elsewhere":      {without("files") + "files: {../x: sha256:" + sum + "}\n", "want the path of a file within the bundle"},
		"a manifest that lists itself": {without("files") + "files: {bundle.yaml: sha256:" + sum + "}\n", "want the path of a file"},
		"an unlisted model":            {without("files") + "files: {x: sha256:" + sum + "}\n", "files: has no digest of the model file model.ubj"},
		"a short digest":               {without("files") + "files: {model.ubj: sha256:00}\n", "files.model.ubj: want sha256: and 64 hexadecimal digits"},
		"another digest":               {without("files") + "files: {model.ubj: md5:" + sum + "}\n", "want sha256: and 64"},
		"an unknown parity":            {head + "parity: close\n", "parity: want exact or {ulp: N}"},
		"an empty parity":              {head + "parity: {}\n", "parity: want exact or {ulp: N}"},
		"a negative ulp":               {head + "parity: {ulp: -1}\n", "parity: want exact or {ulp: N}"},
		"a missing that is text":       {head + "missing: none\n", "missing: want nan or a number"},
		"unknown iterations":           {head + "iterations: some\n", "iterations: want all, best or A:B"},
		"backward iterations":          {head + "iterations: \"5:3\"\n", "iterations: want all, best or A:B"},
		"a memo that is a number":      {head + "memo: 1\n", "memo: want true or false"},
		"an unknown type":              {head + "features: [{name: a, type: double}]\n", "features[0].type: want float, int, bool, category or string"},
		"a feature without a name":     {head + "features: [{type: float}]\n", "features[0]: name: is missing"},
		"min above max":                {head + "features: [{name: a, min: 2, max: 1}]\n", "features[0]: min 2 is above max 1"},
		"an infinite bound":            {head + "features: [{name: a, max: .inf}]\n", "features[0].max: want a number"},
		"bounds of a string":           {head + "features: [{name: a, type: string, min: 1}]\n", "a string has no min or max"},
		"an unknown on_bounds":         {head + "features: [{name: a, on_bounds: warn}]\n", "on_bounds: want accept or refuse"},
		"an unknown missing":           {head + "features: [{name: a, missing: no}]\n", "missing: want allow or refuse"},
		"an unknown feature member":    {head + "features:\n  - name: a\n    mim: 1\n", `bundle.yaml:8: features[0]: unknown member "mim", did you mean "min"?`},
		"an anchor":                    {head + "about: &a x\n", "anchors"},
		"too much":                     {head + strings.Repeat("#", 1<<20), "bundle.yaml: larger than"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := bundle.Read(fstest.MapFS{"bundle.yaml": {Data: []byte(c.text)}})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestTheManifestMustAgreeWithTheModel(t *testing.T) {
	for name, c := range map[string]struct{ kit, manifest, want string }{
		"another library":       {plain, "trainer: {library: lightgbm}\n", `trainer.library is "lightgbm", but model.ubj is a file of xgboost`},
		"too few features":      {plain, "features: [{name: x0}]\n", "features: 1 of them, but the model has"},
		"rounds it has not":     {plain, "iterations: \"0:99\"\n", "model.ubj: iterations 0:99 of "},
		"a best it has not":     {plain, "iterations: best\n", "model.ubj: iterations best: the file records no best one"},
		"another order":         {"strings-3.2.0", "features: [{name: x1}, {name: x0}, {name: country}, {name: channel}]\n", `features[0]: is named "x1", but the model has "x0" there`},
		"numbers for names":     {"strings-3.2.0", "features: [{name: x0}, {name: x1}, {name: country, type: int}, {name: channel}]\n", "features[2]: has the type int, but string in the model"},
		"names for numbers":     {"strings-3.2.0", "features: [{name: x0, type: string}, {name: x1}, {name: country}, {name: channel}]\n", "features[0]: has the type string, but float in the model"},
		"a name that is taken":  {"base-binary-logistic-half-3.2.0", "features: [{name: a}, {name: b}, {name: a}, {name: c}, {name: d}]\n", `features[2]: the name "a" stands twice`},
		"an event of no fields": {plain, "", "features.yaml:1: event: is missing"},
		"an event of others":    {plain, "", "features.yaml: columns: the model's column"},
		"a list not listed":     {plain, "", "policy.yaml: blocked.txt is not among the files of bundle.yaml"},
		"a model of no library": {plain, "", "model.ubj: "},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			k := newKit(t, c.kit)
			switch name {
			case "an event of no fields":
				k["features.yaml"] = "besra: 1\n"
			case "an event of others":
				k["features.yaml"] = "besra: 1\nevent: [{name: time, type: time}]\ncolumns: [{name: other, calendar: hour}]\n"
			case "a list not listed":
				k["policy.yaml"] += "lists: [{entity: card, file: blocked.txt, decision: decline}]\n"
			case "a model of no library":
				k["model.ubj"] = "hello"
			}
			k.sign("name: fraud\nversion: 3\n" + c.manifest)
			_, err := bundle.Read(k.fs())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestNoLinkLeadsOutOfABundle(t *testing.T) {
	k := newKit(t, plain)
	secret := filepath.Join(t.TempDir(), "model.ubj")
	if err := os.WriteFile(secret, []byte(k["model.ubj"]), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := k.folder(t)
	link := filepath.Join(dir, "model.ubj")
	if err := errors.Join(os.Remove(link), os.Symlink(secret, link)); err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Load(dir); err == nil || !strings.Contains(err.Error(), "model.ubj: path escapes") {
		t.Error(err)
	}
}

func TestAHugeModelIsRefusedBeforeItIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "huge.ubj")
	if err := errors.Join(os.WriteFile(path, []byte("{"), 0o644), os.Truncate(path, 5<<30)); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	if _, err := bundle.Open(path); err == nil || !strings.Contains(err.Error(), "huge.ubj: larger than 2147483647 bytes") {
		t.Error(err)
	}
}

func TestAFileMustBeAFile(t *testing.T) {
	k := newKit(t, plain)
	dir := k.folder(t)
	rows := filepath.Join(dir, "golden", "rows.csv")
	if err := errors.Join(os.Remove(rows), os.Mkdir(rows, 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Load(dir); err == nil || !strings.Contains(err.Error(), "golden/rows.csv: is not a regular file") {
		t.Error(err)
	}
}

func TestHostileZips(t *testing.T) {
	k := newKit(t, plain)
	link := &zip.FileHeader{Name: "link"}
	link.SetMode(0o777 | fs.ModeSymlink)
	for name, c := range map[string]struct {
		more *zip.FileHeader
		want string
	}{
		"a path upward":   {&zip.FileHeader{Name: "../evil"}, `"../evil": a path that leads out of the bundle`},
		"a path inside":   {&zip.FileHeader{Name: "golden/../../evil"}, "a path that leads out of the bundle"},
		"an absolute one": {&zip.FileHeader{Name: "/etc/passwd"}, "a path that leads out of the bundle"},
		"a backslash":     {&zip.FileHeader{Name: `..\evil`}, "a path that leads out of the bundle"},
		"a symlink":       {link, `"link": is not a regular file`},
		"a file twice":    {&zip.FileHeader{Name: "policy.yaml"}, `"policy.yaml" stands twice`},
	} {
		t.Run("with "+name+" are refused", func(t *testing.T) {
			_, err := bundle.Load(k.zipped(t, c.more))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("that are cut off are refused", func(t *testing.T) {
		path := k.zipped(t)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, info.Size()/2); err != nil {
			t.Fatal(err)
		}
		if _, err := bundle.Load(path); err == nil {
			t.Error("was accepted")
		}
	})
}

func TestAZipBombIsRefusedBeforeItIsUnpacked(t *testing.T) {
	k := newKit(t, plain)
	k["golden/zeros.bin"] = strings.Repeat("\x00", 70<<20)
	k.sign("name: fraud\nversion: 3\n")
	path := k.zipped(t)
	measure := func(path string) (used uint64, err error) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = bundle.Load(path)
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc, err
	}
	t.Run("as it says itself", func(t *testing.T) {
		used, err := measure(path)
		if err == nil || !strings.Contains(err.Error(), "unpacks to more than") || used > 8<<20 {
			t.Errorf("%v, %d bytes", err, used)
		}
	})
	t.Run("when it lies about its size", func(t *testing.T) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// Write 1000 for the size, behind the entry's data and in the directory.
		size := binary.LittleEndian.AppendUint32(nil, 70<<20)
		if bytes.Count(data, size) < 2 {
			t.Fatal("the size is not where it was")
		}
		data = bytes.ReplaceAll(data, size, binary.LittleEndian.AppendUint32(nil, 1000))
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if used, err := measure(path); err == nil || used > 8<<20 {
			t.Errorf("%v, %d bytes", err, used)
		}
	})
}

func TestWriteIsAtomicAndReproducible(t *testing.T) {
	dir, out := filepath.Join(cases, plain), t.TempDir()
	recipe := bundle.Recipe{Manifest: bundle.Manifest{Name: "fraud", Version: 7}, Model: modelFile(t, dir), Golden: dir}
	var zips [2][]byte
	for i := range zips {
		path := filepath.Join(out, strconv.Itoa(i)+".zip")
		if _, _, err := bundle.Write(path, recipe); err != nil {
			t.Fatal(err)
		}
		var err error
		if zips[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(zips[0], zips[1]) {
		t.Error("the same files make other bytes")
	}
	place := filepath.Join(out, "models", "fraud", "7")
	first, _, err := bundle.Write(place, recipe)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := bundle.Write(place, recipe); err == nil || !strings.Contains(err.Error(), "is already there") {
		t.Error(err)
	}

	bad := recipe
	bad.Force, bad.Golden = true, t.TempDir()
	for _, f := range []string{"rows.csv", "margin.csv", "value.csv"} {
		data, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		if f == "value.csv" {
			data = bytes.Replace(data, []byte("0."), []byte("7."), 1)
		}
		if err := os.WriteFile(filepath.Join(bad.Golden, f), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := bundle.Write(place, bad); !errors.Is(err, bundle.ErrNotProven) {
		t.Error(err)
	}
	again, err := bundle.Load(place)
	if err != nil || again.Digest != first.Digest {
		t.Errorf("a refused bundle left its trace: %v", err)
	}

	recipe.Force, recipe.Version = true, 8
	if _, _, err := bundle.Write(place, recipe); err != nil {
		t.Fatal(err)
	}
	if b, err := bundle.Load(place); err != nil || b.Version != 8 {
		t.Error(b, err)
	}
	for _, d := range []string{out, filepath.Dir(place)} {
		left, err := filepath.Glob(filepath.Join(d, ".besra-*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
}

func FuzzManifest(f *testing.F) {
	k := newKit(f, plain)
	f.Add(k["bundle.yaml"])
	k.sign("name: fraud\nversion: 3\ntrainer: {library: xgboost, version: 3.2.0}\nparity: {ulp: 4}\nmissing: -999\niterations: \"0:2\"\noutput: 0\n" +
		"memo: true\nabout: {description: Cards, metrics: {auc: 0.90}}\nfeatures:\n  - {name: x0, type: int, unit: EUR, min: -1e3, max: 9, on_bounds: refuse, missing: refuse}\n")
	f.Add(k["bundle.yaml"])
	f.Fuzz(func(t *testing.T, manifest string) {
		k["bundle.yaml"] = manifest
		b, err := bundle.Read(k.fs())
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %v", err)
			}
			return
		}
		if !bundle.IsName(b.Name) || b.Version < 1 || len(b.Features) != len(b.Model.Columns()) || b.Output >= b.Model.Values() {
			t.Errorf("%+v", b.Manifest)
		}
	})
}

func TestAPackedModelFileIsBounded(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	for range 65 {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "fraud.ubj.gz")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	want := "fraud.ubj.gz: gzip: unpacks to too much: more than 67108864 bytes"
	if _, err := bundle.Load(path); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
