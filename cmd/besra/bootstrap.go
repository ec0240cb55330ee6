package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/besra-ml/besra/internal/tools/lambdazip"
)

// maxBootstrap is the largest program that is looked at, in bytes: no more than Lambda unpacks.
const maxBootstrap = lambdazip.MaxUnpacked

// findBootstrap returns besra as a function of Lambda, for an architecture as Lambda spells it, and where it comes from: what
// a release has embedded, else the file bootstrap-<arch> beside this program.
func findBootstrap(arch string) (program []byte, from string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	return findBootstrapIn(embeddedBootstraps(), filepath.Dir(self), arch)
}

func findBootstrapIn(embedded fs.FS, dir, arch string) (program []byte, from string, err error) {
	if !slices.Contains(lambdazip.Architectures(), arch) {
		return nil, "", fmt.Errorf("%q is no architecture of Lambda's: want %s", arch, strings.Join(lambdazip.Architectures(), " or "))
	}
	name := lambdazip.Bootstrap + "-" + arch
	program, err = unpackBootstrap(embedded, name+".gz")
	if err == nil {
		return program, "besra " + buildVersion(), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	beside := filepath.Join(dir, name)
	program, err = readBootstrap(beside, arch)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("this build has no bootstrap for %s, and there is no %s: run make bootstrap in besra's source, "+
			"or GOOS=linux GOARCH=%s CGO_ENABLED=0 go build -trimpath -tags lambda.norpc,grpcnotrace -ldflags '-s -w' -o %s ./cmd/bootstrap",
			arch, beside, strings.Replace(arch, "x86_64", "amd64", 1), name)
	}
	return program, beside, err
}

// unpackBootstrap unpacks a program that a release has embedded; fs.ErrNotExist: it has none.
func unpackBootstrap(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	packed, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(packed)
}

// readBootstrap reads a program from a file, and refuses what cannot be a function's on that architecture; "": on either.
func readBootstrap(path, arch string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxBootstrap {
		return nil, fmt.Errorf("%s: is no file of up to %d MiB", path, maxBootstrap>>20)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	is, err := lambdazip.CheckBootstrap(program)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	case arch != "" && is != arch:
		return nil, fmt.Errorf("%s: is for %s, not for %s", path, is, arch)
	}
	return program, nil
}
