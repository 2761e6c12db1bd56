package record

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"unicode/utf16"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// secretForm is a well-known form of secrets: a text in each that is quick to look
// for, the whole form, compiled only then, and what to call it.
type secretForm struct {
	begin string
	form  string
	name  string
}

var secretForms = []secretForm{
	{"PRIVATE KEY", `-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----`, "a private key"},
	{"PuTTY-User-Key-File", `PuTTY-User-Key-File-[0-9]:`, "a PuTTY private key"},
	{"AGE-SECRET-KEY-", `AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]{50,}`, "an age private key"},
	{"AKIA", `\bAKIA[0-9A-Z]{16}\b`, "an AWS access key"},
	{"ASIA", `\bASIA[0-9A-Z]{16}\b`, "an AWS access key"},
	{"gh", `\bgh[opsur]_[0-9A-Za-z]{36,}`, "a GitHub token"},
	{"github_pat_", `\bgithub_pat_[0-9A-Za-z_]{22,}`, "a GitHub token"},
	{"glpat-", `\bglpat-[0-9A-Za-z_-]{20,}`, "a GitLab token"},
	{"xox", `\bxox[abeoprs]-[0-9A-Za-z-]{10,}`, "a Slack token"},
	{"k_live_", `\b[rs]k_live_[0-9A-Za-z]{16,}`, "a Stripe key"},
	{"AIza", `\bAIza[0-9A-Za-z_-]{35}\b`, "a Google API key"},
	{"npm_", `\bnpm_[0-9A-Za-z]{36}\b`, "an npm token"},
	{"pypi-", `\bpypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50,}`, "a PyPI token"},
	{"sk-", `\bsk-(proj|ant|svcacct|or)-[0-9A-Za-z_-]{20,}`, "an API key"},
	{"hooks.slack.com", `hooks\.slack\.com/services/T[0-9A-Za-z]+/B[0-9A-Za-z]+/[0-9A-Za-z]{16,}`, "a Slack webhook"},
	{"eyJ", `\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{16,}`, "a JSON web token"},
	{"://", `://[^/\s:@]{1,100}:[^/\s:@]{1,100}@[A-Za-z0-9]`, "a password in a URL"},
	{"LS0tLS1CRUdJTi", `LS0tLS1CRUdJTi[0-9A-Za-z+/=]{20,}`, "a private key or certificate in base64"},
	{"AWS_SECRET_ACCESS_KEY", `(?i)AWS_SECRET_ACCESS_KEY["']?\s*[=:]\s*["']?[0-9A-Za-z/+]{40}\b`, "an AWS secret key"},
	{"aws_secret_access_key", `(?i)AWS_SECRET_ACCESS_KEY["']?\s*[=:]\s*["']?[0-9A-Za-z/+]{40}\b`, "an AWS secret key"},
	{"xapp-", `\bxapp-[0-9]-[0-9A-Za-z-]{20,}`, "a Slack token"},
	{"SG.", `\bSG\.[0-9A-Za-z_-]{16,}\.[0-9A-Za-z_-]{16,}`, "a SendGrid key"},
	{"hf_", `\bhf_[0-9A-Za-z]{30,}`, "a Hugging Face token"},
	{"dckr_pat_", `\bdckr_pat_[0-9A-Za-z_-]{20,}`, "a Docker token"},
	{"gl", `\bgl(rt|dt|cbt|ptt|soat|ft)-[0-9A-Za-z_-]{20,}`, "a GitLab token"},
	{"do", `\bdo[por]_v1_[0-9a-f]{64}\b`, "a DigitalOcean token"},
	{"sk-", `\bsk-[0-9A-Za-z]{48}\b`, "an API key"},
	{"AccountKey=", `AccountKey=[0-9A-Za-z+/]{60,}={0,2}`, "an Azure storage key"},
	{"hvs.", `\bhvs\.[0-9A-Za-z_-]{24,}`, "a Vault token"},
}

// findSecret names what looks like a secret in b, "" if nothing does. It never
// returns the secret itself.
func findSecret(b []byte) string {
	b = withoutUTF16(b)
	for _, s := range secretForms {
		if bytes.Contains(b, []byte(s.begin)) && regexp.MustCompile(s.form).Match(b) {
			return s.name
		}
	}
	return ""
}

// RefuseSecret looks through texts that are to be kept for ever, by what they are called. The fault is Secret
// (VM205).
func RefuseSecret(texts map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if what := findSecret([]byte(texts[name])); what != "" {
			return fault.New(fault.Secret, "%s has what looks like %s", name, what)
		}
	}
	return nil
}

// mayHoldSecret tells, of a JSON object, whether it has to be taken apart: it has
// something escaped, or the beginning of a secret.
func mayHoldSecret(object []byte) bool {
	return bytes.IndexByte(object, '\\') >= 0 || slices.ContainsFunc(secretForms, func(s secretForm) bool { return bytes.Contains(object, []byte(s.begin)) })
}

// texts are all texts of a JSON object, as they are without JSON's escapes: in
// those a letter stands before what follows a line break.
func texts(object []byte) []string {
	var value any
	if json.Unmarshal(object, &value) != nil {
		return []string{string(object)}
	}
	return appendTexts(nil, value)
}

func appendTexts(list []string, value any) []string {
	switch v := value.(type) {
	case string:
		list = append(list, v)
	case []any:
		for _, item := range v {
			list = appendTexts(list, item)
		}
	case map[string]any:
		for name, item := range v {
			list = appendTexts(append(list, name), item)
		}
	}
	return list
}

// withoutUTF16 is a text that some shells write in UTF-16, in UTF-8.
func withoutUTF16(b []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	default:
		return bytes.ReplaceAll(b, []byte{0}, nil) // UTF-16 without a mark, of plain letters
	}
	units := make([]uint16, 0, len(b)/2)
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return []byte(string(utf16.Decode(units)))
}
