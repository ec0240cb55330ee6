// Package api holds the descriptions of besra's interfaces.
package api

import _ "embed"

// OpenAPI describes the HTTP interface, as OpenAPI 3.1 in JSON.
//
//go:embed openapi.json
var OpenAPI []byte
