package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/VaultSovereign/git-vaultmesh/internal/tsa"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
)

// mostTokens is how many receipts are stamped: each token takes longer to make than
// to verify.
const mostTokens = 10000

// trusting is a covenant that trusts the key of the bench, and an authority if one
// is given.
func (b *setting) trusting(root []byte) (*receipt.Covenant, error) {
	key, err := b.signer.Public(context.Background())
	if err != nil {
		return nil, err
	}
	c := &receipt.Covenant{
		Version:     1,
		Principals:  []receipt.Principal{{Name: "Bench", Groups: []string{}, Keys: []receipt.PublicKey{{Type: key.Type(), Key: key.Text()}}}},
		Thresholds:  []receipt.Threshold{},
		TSAs:        []receipt.Authority{},
		Revocations: []receipt.Revocation{},
		Rules:       benchRules(),
		Federation:  receipt.Federation{Accept: "signed"},
	}
	if root != nil {
		c.TSAs = append(c.TSAs, receipt.Authority{Name: "own", Roots: []string{base64.StdEncoding.EncodeToString(root)}, Pins: []receipt.Digest{}})
	}
	return c, nil
}

// verifyAgain times a verification after each append, which judges what is new.
func (b *setting) verifyAgain(runs int) error {
	if _, _, err := b.time(b.ours("verify", "--all"), 0); err != nil {
		return err
	}
	var took []time.Duration
	for n := range runs {
		if _, _, err := b.time(b.ours("record", "--component", "api", "--version", "again-{n}"), n); err != nil {
			return err
		}
		one, _, err := b.time(b.ours("verify", "--all"), n)
		if err != nil {
			return err
		}
		took = append(took, one)
	}
	fmt.Printf("%-24s %9.1f\n", "verify again, one more", ms(median(took)))
	return nil
}

// verifySignatures times all signatures at once, a receipt, beside tools that are
// called once for each.
func (b *setting) verifySignatures(receipts, runs int) error {
	took, peak, err := b.time(b.ours("verify", "--all", "--no-cache"), 0)
	if err != nil {
		return err
	}
	ours := took / time.Duration(receipts)
	file := filepath.Join(b.work, "one")
	if err := b.onePlain(file); err != nil {
		return err
	}
	fmt.Printf("%-24s %9.4f %6d  a receipt, everything judged anew\n", "verify signatures", float64(ours.Nanoseconds())/1e6, peak)
	for _, peer := range []struct {
		name, command string
	}{
		{"ssh-keygen -Y verify, once a receipt", "ssh-keygen -q -Y verify -f " + file + ".allowed -I bench -n vaultmesh -s " + file + ".sig < " + file},
		{"gpg --verify, once a receipt", "gpg -q --homedir " + file + ".gnupg --verify " + file + ".gpg " + file},
	} {
		var all []time.Duration
		for n := range runs + 1 {
			one, _, err := b.time([]string{"sh", "-c", peer.command}, n)
			if err != nil {
				return err
			}
			if n > 0 {
				all = append(all, one)
			}
		}
		theirs := median(all)
		fmt.Printf("%41s  %-44s %9.1f %8.4f\n", "", peer.name, ms(theirs), float64(ours)/float64(theirs))
	}
	return nil
}

// onePlain writes a receipt and its signatures as plain tools want them.
func (b *setting) onePlain(file string) error {
	r, err := realistic(receipt.ID{1}, 1, 1).Encode()
	if err != nil {
		return err
	}
	made, err := b.signer.Sign(context.Background(), r)
	if err != nil {
		return err
	}
	key, err := b.signer.Public(context.Background())
	if err != nil {
		return err
	}
	for suffix, data := range map[string][]byte{"": r, ".sig": made.Bytes, ".allowed": []byte("bench " + key.Text() + "\n")} {
		if err := os.WriteFile(file+suffix, data, 0o600); err != nil {
			return err
		}
	}
	script := `mkdir -m 700 $0.gnupg && gpg -q --homedir $0.gnupg --batch --passphrase "" --quick-generate-key Bench ed25519 sign never 2>/dev/null &&
gpg -q --homedir $0.gnupg --batch --detach-sign -o $0.gpg $0 && gpgconf --homedir $0.gnupg --kill all`
	if out, err := exec.Command("sh", "-c", script, file).CombinedOutput(); err != nil {
		return fmt.Errorf("gpg: %w\n%s", err, out)
	}
	return nil
}

// verifyTokens times a ledger of its own, in which each receipt has a token too.
func (b *setting) verifyTokens(receipts int) error {
	ca, err := tsa.OpenCA(filepath.Join(b.work, "tsa"), time.Now())
	if err != nil {
		return err
	}
	roots, err := tsa.ParseCertificates(ca.Root())
	if err != nil {
		return err
	}
	server := &tsa.Server{CA: ca, Now: time.Now}
	stamp := func(d receipt.Digest) ([]byte, error) {
		q, err := tsa.NewRequest(d, "")
		if err != nil {
			return nil, err
		}
		token, _, err := tsa.Normalize(server.Reply(q.Bytes()))
		return token, err
	}
	other := *b
	other.repo = filepath.Join(b.work, "stamped")
	if other.covenant, err = b.trusting(roots[0].Raw); err != nil {
		return err
	}
	if err := b.command("", []string{"git", "init", "-q", other.repo}, 0).Run(); err != nil {
		return err
	}
	other.export = filepath.Join(b.work, "stamped.jsonl")
	if err := other.fill(other.repo, receipts, stamp); err != nil {
		return err
	}
	for _, args := range [][]string{b.ours("init", "--offline"), {"git", "gc", "-q"}} {
		if out, err := other.command(other.repo, args, 0).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", args, err, out)
		}
	}
	took, peak, err := other.time(b.ours("verify", "--all", "--no-cache"), 0)
	if err != nil {
		return err
	}
	fmt.Printf("%-24s %9.4f %6d  a receipt, of %d with a signature and a token each\n", "verify tokens", ms(took)/float64(receipts), peak, receipts)
	return nil
}
