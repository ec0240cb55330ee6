package iam_test

import (
	"context"
	"crypto/tls"
	"fmt"

	"github.com/besra-ml/besra/internal/store"
	"github.com/besra-ml/besra/internal/store/valkey"
	"github.com/besra-ml/besra/internal/store/valkey/iam"
	"github.com/besra-ml/besra/internal/telemetry"
)

func Example() {
	source, err := iam.New(iam.Options{Region: "eu-central-1", Cache: "fraud", User: "besra", Serverless: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := valkey.Open(context.Background(), store.SharedOptions{
		Addresses: []string{"fraud-abc123.serverless.euc1.cache.amazonaws.com:6379"},
		Prefix:    "besra",
		TLS:       &tls.Config{MinVersion: tls.VersionTLS12}, // without TLS there is no IAM
		Login:     source.Login,
	}, &telemetry.New(telemetry.Options{}).Store)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
}
