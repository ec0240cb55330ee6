package listen

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"time"
)

// maxFile bounds each file, in bytes: a list of 400,000 revoked certificates.
const maxFile = 16 << 20

// credentials are what the files said at one time.
type credentials struct {
	digest  [sha256.Size]byte
	pair    tls.Certificate
	exposed bool // others can read the key

	clients *x509.CertPool  // nil: clients have no certificates
	anchors map[string]bool // the same, by their bytes
	revoked *revocations    // nil: none are

	config *tls.Config

	// What follows is Poll's alone.
	ticketKey [32]byte
	outdated  bool // that the lists of revoked certificates are was logged
}

// looked is what the files look like from outside; nil for one that is not there.
type looked [4]fs.FileInfo

// same reports whether nothing seems to have changed.
func (l looked) same(other looked) bool {
	for i, a := range l {
		b := other[i]
		if (a == nil) != (b == nil) {
			return false
		}
		if a != nil && (!os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime())) {
			return false
		}
	}
	return true
}

func (t *TLS) files() [4]string { return [4]string{t.Cert, t.Key, t.ClientCA, t.CRL} }

func (t *TLS) look() looked {
	var l looked
	for i, path := range t.files() {
		if info, err := os.Stat(path); err == nil {
			l[i] = info
		}
	}
	return l
}

// read reads the files.
func (t *TLS) read() (*credentials, error) {
	var contents [4][]byte
	var modes [4]fs.FileMode
	sum := sha256.New()
	for i, path := range t.files() {
		if path == "" {
			continue
		}
		var err error
		if contents[i], modes[i], err = readFile(path); err != nil {
			return nil, err
		}
		fmt.Fprintf(sum, "%d %d\n", i, len(contents[i]))
		sum.Write(contents[i])
	}
	c := &credentials{
		digest: [sha256.Size]byte(sum.Sum(nil)),
		// Windows keeps who may read a file elsewhere.
		exposed: runtime.GOOS != "windows" && modes[1]&0o004 != 0,
	}
	var err error
	if c.pair, err = tls.X509KeyPair(contents[0], contents[1]); err != nil {
		return nil, fmt.Errorf("%s with %s: %w", t.Cert, t.Key, err)
	}
	if t.ClientCA == "" {
		return c, nil
	}
	authorities, err := parseAuthorities(contents[2])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.ClientCA, err)
	}
	c.trust(authorities)
	if t.CRL == "" {
		return c, nil
	}
	if c.revoked, err = parseRevocations(contents[3], authorities); err != nil {
		return nil, fmt.Errorf("%s: %w", t.CRL, err)
	}
	return c, nil
}

func (c *credentials) trust(authorities []*x509.Certificate) {
	c.clients, c.anchors = x509.NewCertPool(), map[string]bool{}
	for _, a := range authorities {
		c.clients.AddCert(a)
		c.anchors[string(a.Raw)] = true
	}
}

func readFile(path string) ([]byte, fs.FileMode, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s: longer than %d bytes", path, maxFile)
	}
	return data, info.Mode(), err
}

// parseAuthorities reads certificates that sign others.
func parseAuthorities(text []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	blocks, err := parsePEM(text, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	for i, der := range blocks {
		a, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i+1, err)
		}
		if !a.IsCA || !a.BasicConstraintsValid {
			return nil, fmt.Errorf("certificate %d (%s): it is not an authority's", i+1, a.Subject)
		}
		all = append(all, a)
	}
	return all, nil
}

// parsePEM returns the blocks of a file, which are all of that type. What stands between them is comment.
func parsePEM(text []byte, kind string) ([][]byte, error) {
	var blocks [][]byte
	for {
		b, rest := pem.Decode(text)
		switch {
		case b == nil && bytes.Contains(text, []byte("-----BEGIN")):
			return nil, fmt.Errorf("block %d is damaged, or cut short", len(blocks)+1)
		case b == nil && len(blocks) == 0:
			return nil, fmt.Errorf("there is no %s in it", kind)
		case b == nil:
			return blocks, nil
		case b.Type != kind:
			return nil, fmt.Errorf("block %d: want %s, not %s", len(blocks)+1, kind, b.Type)
		case bytes.Count(text[:len(text)-len(rest)], []byte("-----BEGIN")) > 1:
			return nil, fmt.Errorf("block %d is damaged", len(blocks)+1) // pem.Decode has passed over it
		}
		blocks, text = append(blocks, b.Bytes), rest
	}
}

var (
	errUnverified = errors.New("the certificate was not verified")
	errAuthority  = errors.New("the certificate's authority is not trusted any more")
	errExpired    = errors.New("the certificate is not valid at this time")
)

// check returns nil when one of the chains, whose signatures are good, still holds.
func (c *credentials) check(chains [][]*x509.Certificate, now time.Time) error {
	err := errUnverified
	for _, chain := range chains {
		if err = c.checkChain(chain, now); err == nil {
			return nil
		}
	}
	return err
}

func (c *credentials) checkChain(chain []*x509.Certificate, now time.Time) error {
	if len(chain) == 0 {
		return errUnverified
	}
	if !c.anchors[string(chain[len(chain)-1].Raw)] {
		return errAuthority
	}
	for _, cert := range chain {
		if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
			return errExpired
		}
	}
	return c.revoked.check(chain, now)
}

func newTicketKey() (key [32]byte) {
	_, _ = rand.Read(key[:]) // it never fails
	return key
}
