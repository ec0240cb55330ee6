package admin

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/besra-ml/besra/internal/problem"
	"github.com/besra-ml/besra/internal/strictjson"
)

func writeJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // whoever asked may have gone
}

// allow reports whether a request has one of the methods, and refuses it if not.
func allow(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	takes := strings.Join(methods, ", ")
	w.Header().Set("Allow", takes)
	problem.MethodNotAllowed.Of("", "the path takes "+takes).Write(w)
	return false
}

// maxBody bounds a request's body, in bytes.
const maxBody = 4096

// readVersion reads a body such as {"version":3}. It wants the media type of JSON, which a page of another site cannot
// send unasked.
func readVersion(w http.ResponseWriter, r *http.Request) (version int, p *problem.Problem) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return 0, problem.BadMediaType.Of("", "send Content-Type: application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return 0, problem.TooLarge.Of("", "the body is longer than "+strconv.Itoa(maxBody)+" bytes")
	case err != nil:
		return 0, problem.BadRequest.Of("", "the body did not arrive whole")
	}
	names, err := strictjson.NewNames([]string{"version"})
	if err != nil {
		return 0, problem.Internal.Of("", "")
	}
	var s strictjson.Scanner
	s.Reset(body)
	members := names.Members()
	if err := members.Open(&s); err != nil {
		return 0, problem.BadJSON.Of("", err.Error())
	}
	version = -1
	for {
		i, ok, err := members.Next(&s)
		switch {
		case err != nil:
			return 0, problem.BadJSON.Of("", err.Error())
		case !ok && version < 0:
			return 0, problem.BadRequest.Of("version", `is missing; send {"version":3}`)
		case !ok:
			if err := s.End(); err != nil {
				return 0, problem.BadJSON.Of("", err.Error())
			}
			return version, nil
		case i == strictjson.Unknown:
			return 0, problem.BadRequest.Of("", "requests have the member version alone")
		}
		x, err := s.Float()
		if err != nil {
			return 0, problem.BadRequest.Of("version", err.Error())
		}
		if x != float64(int32(x)) || x < 0 {
			return 0, problem.BadRequest.Of("version", "want the whole number of a version")
		}
		version = int(x)
	}
}

func (d *door) list(w http.ResponseWriter, r *http.Request) {
	id := who(r)
	all := slices.DeleteFunc(d.Models.Versions(), func(v Version) bool { return !id.Sees(v.Name) })
	slices.SortFunc(all, func(a, b Version) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(b.Version, a.Version))
	})
	b := []byte(`{"models":[`)
	for i := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendVersion(b, &all[i])
	}
	writeJSON(w, append(b, `]}`...))
}

func appendVersion(b []byte, v *Version) []byte {
	b = strictjson.AppendString(append(b, `{"name":`...), v.Name)
	b = strconv.AppendInt(append(b, `,"version":`...), int64(v.Version), 10)
	b = strictjson.AppendString(append(b, `,"state":`...), string(v.State))
	b = strconv.AppendBool(append(b, `,"live":`...), v.State == Live)
	b = strconv.AppendBool(append(b, `,"proven":`...), v.Proven)
	b = strconv.AppendBool(append(b, `,"directory":`...), v.Directory)
	if v.Digest != "" {
		b = strictjson.AppendString(append(b, `,"digest":`...), v.Digest)
	}
	if v.Reason != "" {
		b = strictjson.AppendString(append(b, `,"reason":`...), v.Reason)
		b = strictjson.AppendString(append(b, `,"why":`...), v.Why)
	}
	return append(b, '}')
}

func appendChange(b []byte, verb string, c *Change) []byte {
	b = strictjson.AppendString(append(b, `{"action":`...), verb)
	b = strictjson.AppendString(append(b, `,"name":`...), c.Name)
	b = strconv.AppendInt(append(b, `,"version":`...), int64(c.Version), 10)
	b = appendOptional(append(b, `,"before":`...), c.Before)
	b = appendOptional(append(b, `,"live":`...), c.Live)
	b = strconv.AppendBool(append(b, `,"persisted":`...), c.Persisted)
	return append(b, '}')
}

func appendOptional(b []byte, n *int) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	return strconv.AppendInt(b, int64(*n), 10)
}
