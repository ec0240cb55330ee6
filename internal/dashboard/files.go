package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed static
var static embed.FS

// A file is a part of the page. A browser keeps it, and asks each time whether it is still the same.
type file struct {
	mediaType string
	body      []byte
	tag       string
	packed    func() []byte // in gzip; nil where that is no shorter
}

func files() map[string]*file {
	all := map[string]*file{}
	entries, _ := fs.ReadDir(static, "static") // it is embedded
	for _, e := range entries {
		body, _ := static.ReadFile("static/" + e.Name())
		sum := sha256.Sum256(body)
		f := &file{mediaType: mediaType(e.Name()), body: body, tag: hex.EncodeToString(sum[:12])}
		f.packed = sync.OnceValue(f.pack) // at the first request: a start is not to wait for it
		all[e.Name()] = f
	}
	return all
}

func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".txt":
		return "text/plain; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

func (f *file) pack() []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // a level that there is
	_, _ = z.Write(f.body)
	_ = z.Close() // memory does not fail
	if b.Len() >= len(f.body) {
		return nil
	}
	return b.Bytes()
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	body, tag := f.body, f.tag
	if takesGzip(r.Header.Values("Accept-Encoding")) {
		if packed := f.packed(); packed != nil {
			body, tag = packed, tag+"-gzip"
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// takesGzip reports whether a client says that it takes gzip, and not that it would rather not.
func takesGzip(accepts []string) bool {
	for part := range strings.SplitSeq(strings.Join(accepts, ","), ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q := strings.TrimSpace(weight)
			return !strings.HasPrefix(q, "q=0") || strings.Trim(q, "q=0.") != ""
		}
	}
	return false
}
