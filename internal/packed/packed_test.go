package packed_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"github.com/besra-ml/besra/internal/formattest"
	"github.com/besra-ml/besra/internal/packed"
)

// pack returns data as by packs it.
func pack(t *testing.T, by string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if by == "zstd" {
		z, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(1<<20))
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAFileComesOutAsItWasPacked(t *testing.T) {
	noise := make([]byte, 200_000)
	_, _ = rand.Read(noise)
	for name, data := range map[string][]byte{
		"nothing": nil, "a byte": {'x'}, "three bytes": []byte("abc"), "text": bytes.Repeat([]byte("a,b\n1,2\n"), 50_000), "noise": noise,
	} {
		for _, by := range []string{"", "gzip", "zstd"} {
			t.Run(name+" by "+by, func(t *testing.T) {
				file := data
				if by != "" {
					file = pack(t, by, data)
				}
				for _, r := range []io.Reader{bytes.NewReader(file), iotest.OneByteReader(bytes.NewReader(file)), iotest.DataErrReader(bytes.NewReader(file))} {
					got, err := io.ReadAll(packed.NewReader(r))
					if err != nil || !bytes.Equal(got, data) {
						t.Fatalf("got %d bytes, %v, want %d", len(got), err, len(data))
					}
				}
				if got := packed.By(file[:min(len(file), 4)]); got != by {
					t.Errorf("it says %q", got)
				}
			})
		}
	}
}

func TestPartsThatFollowOneAnotherAreOneFile(t *testing.T) {
	for _, by := range []string{"gzip", "zstd"} {
		file := append(pack(t, by, []byte("one ")), pack(t, by, []byte("file"))...)
		if got, err := io.ReadAll(packed.NewReader(bytes.NewReader(file))); string(got) != "one file" || err != nil {
			t.Errorf("%s: got %q, %v", by, got, err)
		}
	}
}

func TestADamagedFileIsAnError(t *testing.T) {
	for _, by := range []string{"gzip", "zstd"} {
		file := pack(t, by, bytes.Repeat([]byte("rows and rows of text\n"), 100))
		t.Run("of "+by+" that ends too early", func(t *testing.T) {
			for n := 4; n < len(file); n++ {
				if _, err := io.ReadAll(packed.NewReader(bytes.NewReader(file[:n]))); err == nil || err.Error() != by+": ends too early" {
					t.Fatalf("of %d bytes: %v", n, err)
				}
			}
		})
		t.Run("of "+by+" with other bytes", func(t *testing.T) {
			for i := 4; i < len(file); i++ {
				other := bytes.Clone(file)
				other[i] ^= 0x55
				if _, err := io.ReadAll(packed.NewReader(bytes.NewReader(other))); err != nil && !strings.HasPrefix(err.Error(), by+": ") {
					t.Fatalf("byte %d: %v", i, err)
				}
			}
		})
	}
	gone := errors.New("the disk is gone")
	if _, err := io.ReadAll(packed.NewReader(iotest.ErrReader(gone))); !errors.Is(err, gone) {
		t.Error(err)
	}
}

func TestAFileThatUnpacksToTooMuchIsRefused(t *testing.T) {
	for _, by := range []string{"gzip", "zstd"} {
		file := pack(t, by, make([]byte, 1<<20))
		if _, err := packed.All(bytes.NewReader(file), 1<<20-1); !errors.Is(err, packed.ErrTooLarge) || !strings.HasPrefix(err.Error(), by) {
			t.Error(err)
		}
		if r, err := packed.All(bytes.NewReader(file), 1<<20); err != nil || r.Len() != 1<<20 {
			t.Error(err)
		}
	}
	t.Run("in memory that the limit bounds", func(t *testing.T) {
		const limit = 33 << 20 // just beyond where doubling has come to
		file := pack(t, "gzip", make([]byte, 2*limit))
		used := formattest.Allocated(func() { _, _ = packed.All(bytes.NewReader(file), limit) })
		if used > 3*limit {
			t.Errorf("%d bytes were allocated for %d", used, limit)
		}
	})
	t.Run("and so is a window of zstd's that takes too much memory", func(t *testing.T) {
		file := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0x00, 0x00} // a frame with a window of a GiB
		_, err := io.ReadAll(packed.NewReader(bytes.NewReader(file)))
		if err == nil || err.Error() != "zstd: takes more than 128 MiB of memory to unpack" {
			t.Error(err)
		}
	})
}

func TestBase(t *testing.T) {
	for name, want := range map[string]string{
		"fraud.ubj.gz": "fraud.ubj", "fraud.txt.ZST": "fraud.txt", "fraud.cbm": "fraud.cbm", "rows.csv.zstd": "rows.csv", ".gz": ".gz", "gz": "gz",
	} {
		if got := packed.Base(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
