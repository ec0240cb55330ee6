package listen

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"
)

// revocations are the certificates that authorities have revoked, by the subject of the authority.
// A nil *revocations revokes none.
type revocations struct {
	of map[string]*revocation
}

// A revocation is what an authority has revoked; several lists of the same name count as one.
type revocation struct {
	serials  map[string]bool // as big-endian bytes
	from, to time.Time       // when it may be relied on
}

var errRevoked = errors.New("the certificate was revoked")

// parseRevocations reads lists of revoked certificates. Each must be signed by one of the authorities.
func parseRevocations(data []byte, authorities []*x509.Certificate) (*revocations, error) {
	lists := [][]byte{data}
	if bytes.Contains(data, []byte("-----BEGIN")) {
		var err error
		if lists, err = parsePEM(data, "X509 CRL"); err != nil {
			return nil, err
		}
	}
	all := &revocations{of: map[string]*revocation{}}
	for i, der := range lists {
		list, err := x509.ParseRevocationList(der)
		if err == nil {
			err = complete(list)
		}
		if err == nil {
			err = signed(list, authorities)
		}
		if err != nil {
			return nil, fmt.Errorf("list %d: %w", i+1, err)
		}
		all.add(list)
	}
	return all, nil
}

// complete refuses lists that say less, or more, than which certificates of their signer are revoked: deltas,
// lists of some reasons or on behalf of others. All of them are marked by critical extensions.
func complete(list *x509.RevocationList) error {
	if list.NextUpdate.IsZero() {
		return errors.New("it does not say when the next one comes")
	}
	if err := critical(list.Extensions); err != nil {
		return err
	}
	for _, e := range list.RevokedCertificateEntries {
		if err := critical(e.Extensions); err != nil {
			return fmt.Errorf("certificate %x: %w", e.SerialNumber, err)
		}
	}
	return nil
}

func critical(extensions []pkix.Extension) error {
	for _, e := range extensions {
		if e.Critical {
			return fmt.Errorf("its extension %s must be understood, and is not: give a complete list of one authority", e.Id)
		}
	}
	return nil
}

// signed checks that the signature is that of the authority in whose name the list speaks.
func signed(list *x509.RevocationList, authorities []*x509.Certificate) error {
	err := fmt.Errorf("none of the authorities is its signer, %s", list.Issuer)
	for _, a := range authorities {
		if !bytes.Equal(a.RawSubject, list.RawIssuer) {
			continue
		}
		if e := list.CheckSignatureFrom(a); e == nil {
			return nil
		} else {
			err = fmt.Errorf("not signed by %s: %w", a.Subject, e)
		}
	}
	return err
}

func (all *revocations) add(list *x509.RevocationList) {
	r := all.of[string(list.RawIssuer)]
	if r == nil {
		r = &revocation{serials: make(map[string]bool, len(list.RevokedCertificateEntries)), from: list.ThisUpdate, to: list.NextUpdate}
		all.of[string(list.RawIssuer)] = r
	}
	if list.ThisUpdate.After(r.from) {
		r.from = list.ThisUpdate
	}
	if list.NextUpdate.Before(r.to) {
		r.to = list.NextUpdate
	}
	for _, e := range list.RevokedCertificateEntries {
		r.serials[string(e.SerialNumber.Bytes())] = true
	}
}

// current says which list cannot be relied on at that time; nil: all can.
func (all *revocations) current(now time.Time) error {
	if all == nil {
		return nil
	}
	for _, r := range all.of {
		if err := r.current(now); err != nil {
			return err
		}
	}
	return nil
}

func (r *revocation) current(now time.Time) error {
	switch {
	case now.Before(r.from):
		return fmt.Errorf("the list of revoked certificates holds from %s", r.from.Format(time.RFC3339))
	case now.After(r.to):
		return fmt.Errorf("the list of revoked certificates was to be renewed by %s", r.to.Format(time.RFC3339))
	}
	return nil
}

// check says whether a certificate of the chain is revoked. A list that is missing, or of another time, says
// nothing of what it would revoke: the chain is refused.
func (all *revocations) check(chain []*x509.Certificate, now time.Time) error {
	if all == nil {
		return nil
	}
	for i, cert := range chain {
		r := all.of[string(cert.RawIssuer)]
		if r == nil {
			if i == len(chain)-1 {
				return nil // who signed the anchor need not be known
			}
			return fmt.Errorf("there is no list of what %s has revoked", cert.Issuer)
		}
		if err := r.current(now); err != nil {
			return err
		}
		if r.serials[string(cert.SerialNumber.Bytes())] {
			return errRevoked
		}
	}
	return nil
}
