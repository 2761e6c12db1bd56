package tsa

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

const (
	authorityFile = "authority.pem" // the signer's key, its certificate, the root

	// rootYears and signerYears are how long the certificates of an authority
	// are valid. A token is verified at its own time, so the root needs to
	// outlive the signer, not the tokens.
	rootYears   = 20
	signerYears = 10
)

// CA is an authority of one's own: a root, a certificate under it that is for
// time-stamps alone, its key, and the numbers of its tokens. It is safe for
// concurrent use, and several processes may open one folder.
//
// The root's key is used once and thrown away: who steals the folder can stamp
// until somebody notices, and can make no other certificate under the root.
type CA struct {
	key          *ecdsa.PrivateKey
	signer, root *x509.Certificate
	serials      serials
}

// OpenCA opens the authority in a folder, and makes it there when there is none:
// whole or not at all, and one, also when two processes begin at once. The
// folder has mode 0700, its files 0600. A folder that is incomplete, was changed
// or may be read by others is AuthorityDamaged (VM418).
func OpenCA(dir string, now time.Time) (*CA, error) {
	d, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	var ca *CA
	err = d.locked(func() (err error) {
		ca, err = d.openOrMake(now)
		return err
	})
	return ca, err
}

// Root is the certificate that others trust, as PEM.
func (ca *CA) Root() []byte { return pemOf(ca.root) }

// Certificate is the certificate that signs, as PEM.
func (ca *CA) Certificate() []byte { return pemOf(ca.signer) }

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func (d folder) openOrMake(now time.Time) (*CA, error) {
	b, err := d.read(authorityFile)
	if err != nil {
		return nil, err
	}
	if b == nil {
		if b, err = d.make(now); err != nil {
			return nil, err
		}
	}
	ca, err := d.load(b)
	if err != nil {
		return nil, err
	}
	if _, err := d.readSerial(); err != nil {
		return nil, err
	}
	return ca, nil
}

// make writes the numbers first: the authority is there when its own file is.
// Numbers that are there already belong to an authority that was removed, or
// never finished, and go on.
func (d folder) make(now time.Time) ([]byte, error) {
	ca, err := newCA(now)
	if err != nil {
		return nil, d.damaged("no authority can be made").Because(err)
	}
	b, err := ca.encode()
	if err != nil {
		return nil, d.damaged("no authority can be made").Because(err)
	}
	if _, err := d.readSerial(); err != nil {
		if err := d.writeSerial(1); err != nil {
			return nil, err
		}
	}
	return b, d.write(authorityFile, b)
}

// encode is the one spelling of an authority's file.
func (ca *CA) encode() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(ca.key)
	if err != nil {
		return nil, err
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	return append(append(b, ca.Certificate()...), ca.Root()...), nil
}

// load reads an authority's file, and takes it only whole and in its own
// spelling: the key is the certificate's, and the certificate is the root's.
func (d folder) load(b []byte) (*CA, error) {
	ca := &CA{serials: serials{folder: d}}
	var blocks [3][]byte
	rest := b
	for i := range blocks {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, d.damaged("%s is not complete", authorityFile)
		}
		blocks[i] = block.Bytes
	}
	if err := ca.decode(blocks); err != nil {
		return nil, d.damaged("%s was changed", authorityFile).Because(err)
	}
	if again, err := ca.encode(); err != nil || !bytes.Equal(again, b) {
		return nil, d.damaged("%s was changed", authorityFile)
	}
	return ca, nil
}

func (ca *CA) decode(blocks [3][]byte) error {
	key, err := x509.ParsePKCS8PrivateKey(blocks[0])
	if err != nil {
		return err
	}
	ca.key, _ = key.(*ecdsa.PrivateKey)
	if ca.signer, err = x509.ParseCertificate(blocks[1]); err != nil {
		return err
	}
	if ca.root, err = x509.ParseCertificate(blocks[2]); err != nil {
		return err
	}
	if ca.key == nil || !ca.key.PublicKey.Equal(ca.signer.PublicKey) {
		return fmt.Errorf("the key is not that of the certificate")
	}
	if err := ca.signer.CheckSignatureFrom(ca.root); err != nil {
		return err
	}
	return fit(ca.signer)
}

// newCA makes keys and certificates that are valid from now. The name of the
// root is its own, so that two authorities are told apart.
func newCA(now time.Time) (*CA, error) {
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	root, err := issue(rootTemplate(rootKey, now), nil, &rootKey.PublicKey, rootKey)
	if err != nil {
		return nil, err
	}
	signer, err := issue(signerTemplate(root, now), root, &key.PublicKey, rootKey)
	if err != nil {
		return nil, err
	}
	return &CA{key: key, signer: signer, root: root}, nil
}

func issue(template, parent *x509.Certificate, key *ecdsa.PublicKey, by *ecdsa.PrivateKey) (*x509.Certificate, error) {
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, by)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func rootTemplate(key *ecdsa.PrivateKey, now time.Time) *x509.Certificate {
	public, _ := x509.MarshalPKIXPublicKey(&key.PublicKey) // P-256 always can
	name := fmt.Sprintf("git-vaultmesh time-stamp root %x", sha256.Sum256(public))
	return &x509.Certificate{
		SerialNumber:          certificateSerial(),
		Subject:               pkix.Name{CommonName: name[:len("git-vaultmesh time-stamp root ")+16]},
		NotBefore:             now.UTC().Truncate(time.Second),
		NotAfter:              now.UTC().Truncate(time.Second).AddDate(rootYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
}

func signerTemplate(root *x509.Certificate, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          certificateSerial(),
		Subject:               pkix.Name{CommonName: "git-vaultmesh time-stamps"},
		NotBefore:             root.NotBefore,
		NotAfter:              now.UTC().Truncate(time.Second).AddDate(signerYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		ExtraExtensions:       []pkix.Extension{stampsOnlyExtension()},
	}
}

// stampsOnlyExtension is the extended key usage of RFC 3161 section 2.3.
func stampsOnlyExtension() pkix.Extension {
	var b cryptobyte.Builder
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidTimeStamping) })
	return pkix.Extension{Id: oidExtendedKeyUsage, Critical: true, Value: b.BytesOrPanic()}
}

func certificateSerial() *big.Int {
	return newNonce()
}
