package bundle

import (
	"io/fs"
	"os"
)

// OpenIn opens a file of root for reading. Whatever stands there, a pipe for one, it does not wait: ask the file itself
// whether it is a regular one.
func OpenIn(root *os.Root, name string) (*os.File, error) {
	return root.OpenFile(name, os.O_RDONLY|atOnce, 0)
}

// Files returns the files of root, which are opened as OpenIn does.
func Files(root *os.Root) fs.FS { return rooted{root.FS(), root} }

type rooted struct {
	fs.FS
	root *os.Root
}

func (f rooted) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	file, err := OpenIn(f.root, name)
	if err != nil {
		return nil, err // not a nil file that is not nil
	}
	return file, nil
}

func (f rooted) Stat(name string) (fs.FileInfo, error) { return fs.Stat(f.FS, name) }

func (f rooted) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(f.FS, name) }
