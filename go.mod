module github.com/VaultSovereign/git-vaultmesh

go 1.26.0

require (
	github.com/go-json-experiment/json v1.27.2
	github.com/gowebpki/jcs v1.0.2
)
