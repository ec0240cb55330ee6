package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// An Object is something that a source has under a key.
type Object struct {
	Key  string
	Size int64  // bytes
	ETag string // another when the content is another
}

// A Source is where models are kept that are not on this machine. It is called from many goroutines.
//
// It tries again what may pass, for as long as it finds reasonable; what is still in the way then is ErrUnavailable. What
// there is none of is fs.ErrNotExist. Errors name what was asked for, and hold nothing that is secret.
type Source interface {
	// List returns the objects whose keys begin with prefix. More than most of them are an error.
	List(ctx context.Context, prefix string, most int) ([]Object, error)

	// Stat returns the object with this key.
	Stat(ctx context.Context, key string) (Object, error)

	// Fetch writes all of an object, in any order. When it has become another since it was listed, that is ErrChanged.
	Fetch(ctx context.Context, o Object, to io.WriterAt) error

	// String returns the address, without a key: s3://bucket.
	String() string

	// Identity tells this source from others that have the same address, at another endpoint.
	Identity() string

	// Close lets go of connections.
	Close()
}

var (
	ErrUnavailable = errors.New("cannot be had now")
	ErrChanged     = errors.New("became another while it was fetched")
	ErrNoRoom      = errors.New("the copy cannot be written")
)

// An Address says where models are kept: scheme://bucket/key.
type Address struct{ Scheme, Bucket, Key string }

// IsAddress reports whether a path is an address, and none of a file on this machine.
func IsAddress(path string) bool {
	scheme, _, ok := strings.Cut(path, "://")
	return ok && scheme != "" && strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-") == ""
}

// ParseAddress reads an address. Its key is taken as it stands, without escapes; slashes at its end mean nothing.
func ParseAddress(text string) (Address, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	bucket, key, _ := strings.Cut(rest, "/")
	a := Address{Scheme: strings.ToLower(scheme), Bucket: bucket, Key: strings.TrimRight(key, "/")}
	switch {
	case !ok, !IsAddress(text):
		return a, fmt.Errorf("%.200q: want an address such as s3://bucket/models", text)
	case bucket == "":
		return a, fmt.Errorf("%.200q: there is no bucket in it", text)
	case a.Key != "":
		if err := checkPath(a.Key); err != nil {
			return a, fmt.Errorf("%.200q: %w", text, err)
		}
	}
	return a, nil
}
