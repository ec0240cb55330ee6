package lambdazip

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Architecture returns what the bootstrap in a zip is for. An error that is zip.ErrFormat says that it is no zip.
func Architecture(file io.ReaderAt, size int64) (arch string, err error) {
	z, err := zip.NewReader(file, size)
	if err != nil {
		return "", err
	}
	f, err := z.Open(Bootstrap)
	if err != nil {
		return "", err
	}
	defer f.Close()
	program, err := io.ReadAll(io.LimitReader(f, MaxUnpacked))
	if err != nil {
		return "", err
	}
	if arch, err = CheckBootstrap(program); err != nil {
		return "", fmt.Errorf("%s %w", Bootstrap, err)
	}
	return arch, nil
}

// Architectures are those of Lambda, as it spells them.
func Architectures() []string { return []string{"arm64", "x86_64"} }

// What follows is of the ELF specification. debug/elf would read it, too, and brings DWARF along.
const (
	headerSize  = 64 // of a file of 64 bits
	segmentSize = 56

	execType, sharedType = 2, 3 // a shared one may be a program that can lie anywhere

	x8664Machine, arm64Machine = 62, 183

	interpreterSegment = 3
)

// CheckBootstrap reports what keeps a program from being a function's bootstrap: it must be an executable of Linux that
// needs no library, since the runtime has none to count on. It returns the architecture that it is for.
func CheckBootstrap(program []byte) (arch string, err error) {
	if len(program) < headerSize || !bytes.HasPrefix(program, []byte("\x7fELF")) {
		return "", fmt.Errorf("is no executable of Linux%s", looksLike(program))
	}
	le := binary.LittleEndian
	if program[4] != 2 || program[5] != 1 {
		return "", errors.New("is for a processor that Lambda does not have: want 64 bits, little-endian")
	}
	switch machine := le.Uint16(program[18:]); machine {
	case x8664Machine:
		arch = "x86_64"
	case arm64Machine:
		arch = "arm64"
	default:
		return "", fmt.Errorf("is for a processor that Lambda does not have (ELF machine %d): want arm64 or x86_64", machine)
	}
	if kind := le.Uint16(program[16:]); kind != execType && kind != sharedType || le.Uint64(program[24:]) == 0 {
		return "", errors.New("is no program: it has nowhere to begin")
	}
	at, size, n := le.Uint64(program[32:]), le.Uint16(program[54:]), int(le.Uint16(program[56:]))
	if size != segmentSize || n == 0 || at > uint64(len(program)) || uint64(n)*segmentSize > uint64(len(program))-at {
		return "", errors.New("is damaged: its program headers are not there")
	}
	for segments := program[at:]; n > 0; n, segments = n-1, segments[segmentSize:] {
		if le.Uint32(segments) == interpreterSegment {
			return "", errors.New("needs a dynamic linker: build it with CGO_ENABLED=0")
		}
	}
	return arch, nil
}

// looksLike says what else a file is.
func looksLike(program []byte) string {
	for _, kind := range []struct{ magic, is string }{
		{"#!", ": it is a script"},
		{"MZ", ": it is one of Windows; build it with GOOS=linux"},
		{"\xcf\xfa\xed\xfe", ": it is one of macOS; build it with GOOS=linux"},
		{"\xca\xfe\xba\xbe", ": it is one of macOS; build it with GOOS=linux"},
		{"PK\x03\x04", ": it is a zip"},
		{"\x1f\x8b", ": it is packed by gzip"},
	} {
		if bytes.HasPrefix(program, []byte(kind.magic)) {
			return kind.is
		}
	}
	return ""
}
