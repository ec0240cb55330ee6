package iam_test

import (
	"crypto/tls"

	"github.com/valkey-io/valkey-go"

	"github.com/besra-ml/besra/internal/store/valkey/iam"
)

func Example() {
	source, err := iam.New(iam.Options{Region: "eu-central-1", Cache: "fraud", User: "besra", Serverless: true})
	if err != nil {
		panic(err)
	}
	client, err := valkey.NewClient(valkey.ClientOption{
		InitAddress:       []string{"fraud-abc123.serverless.euc1.cache.amazonaws.com:6379"},
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12}, // without TLS there is no IAM
		AuthCredentialsFn: source.Credentials,
	})
	if err != nil {
		panic(err)
	}
	defer client.Close()
}
