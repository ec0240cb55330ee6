package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/telemetry"
)

// A SharedStore is the kind of store that a binary links for what processes share.
type SharedStore interface {
	// Open returns the store that o describes. One that cannot be reached is no error.
	Open(ctx context.Context, o store.SharedOptions, m *telemetry.Store) (store.Shared, error)
	// IAM returns what makes passwords for an ElastiCache, as store.SharedOptions.Login.
	IAM(user, region, cache string, serverless bool) (func(ctx context.Context) (string, string, time.Time, error), error)
}

// prefixLetters are what a prefix may have: nothing that separates, or has a meaning in patterns and clusters.
const prefixLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// openShared opens the store that processes share, if there is one.
func (a *App) openShared(kind SharedStore) (err error) {
	c := a.config.Valkey
	if c.Address == "" {
		return nil
	}
	if strings.Trim(c.Prefix, prefixLetters) != "" || c.Prefix == "" {
		return fmt.Errorf("valkey.prefix: %q: want letters, digits, - and _", c.Prefix)
	}
	if kind == nil {
		return errors.New("valkey.address: this binary has no store that processes share")
	}
	o := store.SharedOptions{
		Prefix: c.Prefix, Name: "besra", Lazy: a.function, Deadline: c.Deadline, TTL: a.config.Replay.TTL, Log: a.log,
	}
	for address := range strings.SplitSeq(c.Address, ",") {
		o.Addresses = append(o.Addresses, strings.TrimSpace(address))
	}
	if o.TLS, err = c.tls(); err != nil {
		return err
	}
	switch {
	case c.IAM.Cache != "" && c.PasswordFile != "":
		return errors.New("valkey.password_file: passwords are made by IAM, for valkey.iam.cache; leave one of them out")
	case c.IAM.Cache != "" && !c.TLS:
		return errors.New("valkey.tls: a password made by IAM is only taken over TLS")
	case c.IAM.Cache != "":
		if o.Login, err = kind.IAM(c.User, c.IAM.Region, c.IAM.Cache, c.IAM.Serverless); err != nil {
			return err
		}
	case c.PasswordFile != "":
		if _, err := readPassword(c.PasswordFile); err != nil {
			return err
		}
		o.Login = func(context.Context) (string, string, time.Time, error) {
			password, err := readPassword(c.PasswordFile)
			return c.User, password, time.Time{}, err
		}
	case c.User != "":
		return errors.New("valkey.user: a user needs a password: valkey.password_file or valkey.iam.cache")
	}
	a.shared, err = kind.Open(context.Background(), o, &a.metrics.Store)
	return err
}

func (c ValkeyConfig) tls() (*tls.Config, error) {
	if !c.TLS {
		if c.CA != "" {
			return nil, errors.New("valkey.ca: connections are not encrypted; say valkey.tls: true")
		}
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA == "" {
		return t, nil
	}
	var err error
	t.RootCAs, err = readAuthorities("valkey.ca", c.CA)
	return t, err
}

// readAuthorities reads a setting's file of certificates, PEM.
func readAuthorities(setting, file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: %s has no certificate", setting, file)
	}
	return pool, nil
}

// readPassword reads a password, which is all of a file but the end of its last line.
func readPassword(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("valkey.password_file: %w", err)
	}
	text = bytes.TrimRight(text, "\r\n")
	if len(text) == 0 {
		return "", fmt.Errorf("valkey.password_file: %s is empty", file)
	}
	return string(text), nil
}
