// Package models embeds the demo: a proven bundle, and held-out payments to play through it. Both are made
// by training/train.py; docs/model-card.md describes them.
package models

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"io/fs"
)

//go:embed fraud/1
var bundles embed.FS

//go:embed heldout.csv.gz
var heldOut []byte

// Demo is the demo's bundle; bundle.yaml lies at its root.
func Demo() fs.FS {
	bundle, _ := fs.Sub(bundles, "fraud/1") // fails for an invalid path only
	return bundle
}

// HeldOut reads 20,000 payments that the demo's model has not seen, as CSV, in the order of time:
//
//	event_id,time,card,terminal,amount,night,…,terminal_fraud_share_30d,label
//
// From amount to the column before label they are the bundle's features, in its order; label is fraud or genuine.
func HeldOut() (io.ReadCloser, error) {
	r, err := gzip.NewReader(bytes.NewReader(heldOut))
	if err != nil {
		return nil, fmt.Errorf("models: held-out payments: %w", err)
	}
	return r, nil
}
