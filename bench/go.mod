module github.com/besra-ml/besra/bench

go 1.26.0

require (
	github.com/besra-ml/besra v0.0.0
	github.com/golang-jwt/jwt/v5 v5.3.1
	github.com/valkey-io/valkey-go v1.0.79
	golang.org/x/sys v0.49.0
)

require (
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/goccy/go-yaml v1.19.2 // indirect
	github.com/klauspost/compress v1.20.1 // indirect
	github.com/maypok86/otter/v2 v2.4.0 // indirect
	github.com/pires/go-proxyproto v0.15.0 // indirect
	golang.org/x/time v0.16.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/besra-ml/besra => ..
