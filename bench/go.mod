module github.com/besra-ml/besra/bench

go 1.26.0

require (
	github.com/besra-ml/besra v0.0.0
	golang.org/x/sys v0.49.0
)

require github.com/goccy/go-yaml v1.19.2 // indirect

replace github.com/besra-ml/besra => ..
