package receipt

import "regexp"

// Kind says what sort of thing a receipt is about.
type Kind string

// The kinds of schema vaultmesh.receipt/v1. The last five are the ledger's own.
const (
	KindRelease     Kind = "release"
	KindDeployment  Kind = "deployment"
	KindDecision    Kind = "decision"
	KindIncident    Kind = "incident"
	KindDiscovery   Kind = "discovery"
	KindAttestation Kind = "attestation"
	KindSpawn       Kind = "spawn"
	KindImport      Kind = "import"
	KindGenesis     Kind = "genesis"
	KindCovenant    Kind = "covenant"
	KindSeal        Kind = "seal"
	KindMerge       Kind = "merge"
	KindRevocation  Kind = "revocation"
)

// Kinds lists the kinds this version knows, in the order of the specification.
func Kinds() []Kind {
	return []Kind{KindRelease, KindDeployment, KindDecision, KindIncident, KindDiscovery, KindAttestation,
		KindSpawn, KindImport, KindGenesis, KindCovenant, KindSeal, KindMerge, KindRevocation}
}

// ParseKind reads a kind as people write it: "deploy" is deployment. The
// second result is false when this version does not know the kind.
func ParseKind(s string) (Kind, bool) {
	if s == "deploy" {
		return KindDeployment, true
	}
	k := Kind(s)
	return k, k.known()
}

func (k Kind) known() bool {
	for _, known := range Kinds() {
		if k == known {
			return true
		}
	}
	return false
}

var kindForm = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// hasForm tells whether k could be a kind of this version or a later one.
func (k Kind) hasForm() bool { return len(k) <= 32 && kindForm.MatchString(string(k)) }
