package bundle

import (
	"errors"
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
)

// demo is the demo's bundle in memory.
func demo(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	from := os.DirFS("../../models/fraud/1")
	err := fs.WalkDir(from, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestALeanReadLeavesOutTheReferenceAndNothingElse(t *testing.T) {
	files := demo(t)
	whole, err := Read(files)
	if err != nil {
		t.Fatal(err)
	}
	lean, err := ReadLean(files)
	if err != nil {
		t.Fatal(err)
	}
	if whole.Reference == nil || lean.Reference != nil {
		t.Errorf("references %v and %v", whole.Reference, lean.Reference)
	}
	if lean.Digest != whole.Digest || lean.Events == nil || lean.Policy == nil {
		t.Errorf("it is another bundle: %s, not %s", lean.Digest, whole.Digest)
	}
	if _, err := lean.Prove(); err != nil {
		t.Error(err)
	}
	files[referenceFile] = &fstest.MapFile{Data: files[referenceFile].Data[1:]}
	if _, err := ReadLean(files); !errors.Is(err, ErrIncomplete) {
		t.Errorf("half a reference: %v", err)
	}
}
