package trust

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/tsa"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// authority is a time-stamp authority of a covenant, read.
type authority struct {
	name  string
	trust tsa.Trust
}

// compileAuthorities reads the authorities of a covenant. One whose root cannot
// be read vouches for nothing.
func compileAuthorities(v *Version, list []receipt.Authority) []authority {
	var read []authority
	for _, a := range list {
		one := authority{name: a.Name, trust: tsa.Trust{Policy: a.Policy}}
		for _, text := range a.Roots {
			root, err := parseRoot(text)
			if err != nil {
				v.Unusable = append(v.Unusable, fault.From(err).Because(fmt.Errorf("a root of %s", a.Name)))
				continue
			}
			one.trust.Roots = append(one.trust.Roots, root)
		}
		for _, pin := range a.Pins {
			one.trust.Certificates = append(one.trust.Certificates, pin)
		}
		if len(one.trust.Roots) > 0 {
			read = append(read, one)
		}
	}
	return read
}

func parseRoot(text string) (*x509.Certificate, error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fault.New(fault.BadCertificate, "a root is not base64")
	}
	root, err := x509.ParseCertificate(b)
	if err != nil {
		return nil, fault.New(fault.BadCertificate, "a root is not a certificate")
	}
	return root, nil
}

// stamps judges the tokens of a folder by the authorities of a version, which may
// be nil: then none of them counts.
func stamps(f Folder, v *Version) []Stamp {
	var list []Stamp
	for _, file := range f.Tokens {
		s := Stamp{File: file.Name}
		token, err := tsa.Parse(file.Data)
		if err != nil {
			s.Broken, s.Err = true, err
			list = append(list, s)
			continue
		}
		s.Time = token.Time
		if s.Over = over(f, token.Imprint); s.Over == "" {
			s.Broken, s.Err = true, fault.New(fault.OtherImprint, "the token %s stamps nothing that lies beside it", file.Name)
		} else {
			s.Authority, s.Err = vouched(v, token)
		}
		list = append(list, s)
	}
	return list
}

// receiptFile is the name of the receipt among the files of its folder.
const receiptFile = "receipt.json"

// over is the file that an imprint is of: a signature, or the receipt itself,
// whose tokens prove as much of it when nobody has signed it.
func over(f Folder, imprint receipt.Digest) string {
	for _, s := range f.Signatures {
		if s.Digest == imprint {
			return s.Name
		}
	}
	if imprint == f.ID {
		return receiptFile
	}
	return ""
}

// vouched is the authority whose token it is, or why it is nobody's.
func vouched(v *Version, token *tsa.Token) (string, error) {
	if v == nil || len(v.authorities) == 0 {
		return "", fault.New(fault.TSAUntrusted, "the covenant names no time-stamp authority")
	}
	var last error
	for _, a := range v.authorities {
		err := token.Verify(a.trust)
		if err == nil {
			return a.name, nil
		}
		// What is wrong with the token itself says more than that others did not make it.
		if last == nil || fault.Has(last, fault.TSAUntrusted) {
			last = err
		}
	}
	return "", last
}
