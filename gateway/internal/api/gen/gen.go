// Package gen is generated from gateway/openapi.yaml: the types of requests and
// answers and the strict server. What must not be printed has a secret type;
// secrets.overlay.yaml says which.
package gen

import _ "embed"

//go:generate go tool -modfile=../../../../.ci/tools.mod oapi-codegen -config oapi-codegen.yaml ../../../openapi.yaml
//go:generate cp ../../../openapi.yaml openapi.yaml

//go:embed openapi.yaml
var document string

// Contract is openapi.yaml as it was when the types were made.
func Contract() []byte { return []byte(document) }
