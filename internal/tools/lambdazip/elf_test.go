package lambdazip

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// programFor builds a program of one piece for Linux.
func programFor(t testing.TB, goarch string, flags ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	source, out := filepath.Join(dir, "main.go"), filepath.Join(dir, "program")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-o", out}, flags...), source)...)
	build.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+goarch, "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	program, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestCheckBootstrap(t *testing.T) {
	arm, intel := programFor(t, "arm64"), programFor(t, "amd64")
	t.Run("programs of one piece are taken", func(t *testing.T) {
		for want, program := range map[string][]byte{"arm64": arm, "x86_64": intel} {
			if arch, err := CheckBootstrap(program); arch != want || err != nil {
				t.Errorf("%s: %q, %v", want, arch, err)
			}
		}
	})

	le := binary.LittleEndian
	with := func(change func(program []byte)) []byte {
		program := slices.Clone(arm)
		change(program)
		return program
	}
	for name, c := range map[string]struct {
		program []byte
		want    string
	}{
		"nothing":                            {nil, "is no executable of Linux"},
		"a script":                           {[]byte("#!/bin/sh\nexec besra\n" + strings.Repeat("#", 64)), "it is a script"},
		"one of Windows":                     {[]byte("MZ" + strings.Repeat("\x00", 64)), "build it with GOOS=linux"},
		"one of macOS":                       {[]byte("\xcf\xfa\xed\xfe" + strings.Repeat("\x00", 64)), "build it with GOOS=linux"},
		"a zip":                              {[]byte("PK\x03\x04" + strings.Repeat("\x00", 64)), "it is a zip"},
		"one of 32 bits":                     {with(func(p []byte) { p[4] = 1 }), "64 bits"},
		"one of another order":               {with(func(p []byte) { p[5] = 2 }), "little-endian"},
		"one for RISC-V":                     {with(func(p []byte) { le.PutUint16(p[18:], 243) }), "ELF machine 243"},
		"an object file":                     {with(func(p []byte) { le.PutUint16(p[16:], 1) }), "is no program"},
		"a library":                          {with(func(p []byte) { le.PutUint16(p[16:], 3); le.PutUint64(p[24:], 0) }), "is no program"},
		"one without segments":               {with(func(p []byte) { le.PutUint16(p[56:], 0) }), "is damaged"},
		"one whose segments are elsewhere":   {with(func(p []byte) { le.PutUint64(p[32:], 1<<63) }), "is damaged"},
		"one with more segments than bytes":  {arm[:headerSize+segmentSize], "is damaged"},
		"one with segments of another size":  {with(func(p []byte) { le.PutUint16(p[54:], 0) }), "is damaged"},
		"one that needs a dynamic linker":    {with(func(p []byte) { le.PutUint32(p[headerSize:], interpreterSegment) }), "CGO_ENABLED=0"},
		"one whose last segment is a linker": {with(func(p []byte) { le.PutUint32(p[headerSize+segmentSize*(int(le.Uint16(p[56:]))-1):], 3) }), "CGO_ENABLED=0"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			if _, err := CheckBootstrap(c.program); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func FuzzCheckBootstrap(f *testing.F) {
	f.Add(programFor(f, "arm64", "-ldflags=-s -w")[:4096])
	f.Add([]byte("\x7fELF\x02\x01"))
	f.Fuzz(func(t *testing.T, program []byte) {
		if arch, err := CheckBootstrap(program); (err == nil) != slices.Contains(Architectures(), arch) {
			t.Errorf("%q, %v", arch, err)
		}
	})
}
