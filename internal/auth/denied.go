package auth

import "github.com/besra-ml/besra/internal/telemetry"

// A Denied is the error of who is not let in.
//
// Its text is for the client, and tells it nothing that it could use: a key that nobody knows, one with a wrong secret,
// one that has expired and one that was revoked are told alike. Reason and KeyID are for the log.
type Denied struct {
	Reason Reason
	KeyID  string // of an entry that the client's secret or certificate belongs to; "": of none
}

// A Reason says why a request is denied: telemetry.Denied has the same.
type Reason uint8

// The reasons.
const (
	granted   Reason = iota // none
	Missing                 // no credentials
	Malformed               // credentials that are none, or several at once
	Unknown                 // a key, certificate or token's key that nobody knows, or a wrong secret
	Expired                 // no longer valid, or not yet
	Revoked                 // a key that was revoked
	Signature               // a token whose signature or algorithm is not its issuer's
	Claims                  // a token for somebody else
	InURL                   // credentials in a URL, which is where they leak
	Unready                 // an issuer's keys could not be had
	Attempts                // an address with too many failed attempts
	CrossSite               // a key that a browser attached to what another site's page asked
	reasons
)

// String returns the reason, as logs and metrics spell it.
func (r Reason) String() string {
	return [reasons]string{
		"granted", "missing", "malformed", "unknown", "expired", "revoked", "signature", "claims", "in-url", "unready", "attempts",
		"cross-site",
	}[r]
}

// Error returns what the client may know.
func (d *Denied) Error() string {
	switch d.Reason {
	case Missing:
		return "credentials are missing: send Authorization: Bearer, or X-API-Key"
	case Malformed:
		return "want one credential, whole: Authorization: Bearer, or X-API-Key"
	case InURL:
		return "credentials do not belong in a URL, where logs keep them: have these replaced, and send Authorization: Bearer, or X-API-Key"
	case Unready:
		return "tokens cannot be verified just now: try again later"
	case Attempts:
		return "too many failed attempts from this address: try again later"
	case CrossSite:
		return "Authorization: Basic is for besra's own pages, and this was asked by another's"
	default:
		return "the credentials are not good here"
	}
}

// Browser returns the header WWW-Authenticate that has a browser ask for a key: RFC 7617.
func (d *Denied) Browser() string {
	if d.Reason == CrossSite { // who is before it has not asked for this
		return d.Challenge()
	}
	return `Basic realm="besra", charset="UTF-8"`
}

// Challenge returns the answer's header WWW-Authenticate, RFC 6750.
func (d *Denied) Challenge() string {
	switch d.Reason {
	case Missing, Unready, Attempts, CrossSite: // no credential was found to be wrong
		return `Bearer realm="besra"`
	default:
		return `Bearer realm="besra", error="invalid_token"`
	}
}

// deniedCounters are where denials are counted, by reason.
func deniedCounters(d *telemetry.Denied) [reasons]*telemetry.Counter {
	return [reasons]*telemetry.Counter{
		Missing: d.Missing, Malformed: d.Malformed, Unknown: d.Unknown, Expired: d.Expired, Revoked: d.Revoked,
		Signature: d.Signature, Claims: d.Claims, InURL: d.InURL, Unready: d.Unready, Attempts: d.Attempts, CrossSite: d.CrossSite,
	}
}
