// Package api holds the description of the HTTP interface.
package api

import _ "embed"

// OpenAPI is openapi.yaml, which the service also serves.
//
//go:embed openapi.yaml
var OpenAPI []byte
