package cli

// signatures explains that no signature is broken, whosever it is: the tools look at those
// that a key of any covenant has made, and of the others at their spelling.
func (x explainer) signatures() []string {
	var commands []string
	raw := x.blob(x.receipt, "receipt.json")
	for _, f := range x.receipt.Files {
		file := x.blob(x.receipt, f.Name) + " > sig; "
		switch f.Type {
		case "ssh":
			commands = append(commands, file+armored+" && if ssh-keygen -Y find-principals -s sig -f all.allowed > said 2>&1; then "+raw+" | ssh-keygen -Y check-novalidate -n vaultmesh -s sig; else "+ours+"; fi")
		case "openpgp":
			commands = append(commands, file+onePacket+" && { "+raw+" | gpg --batch --no-default-keyring --keyring ./all.gpg --status-fd 1 --verify sig - > said 2> gpg.log; "+
				"grep -q '^.GNUPG:. NO_PUBKEY ' said || { "+strongBinary+" && grep -q -E '^.GNUPG:. (GOOD|EXP|EXPKEY|REVKEY)SIG ' said; }; }")
		}
	}
	if commands == nil {
		return nil
	}
	return append(x.allKeys(), commands...)
}

// allKeys puts the keys of all covenants into the files all.allowed and all.gpg.
func (x explainer) allKeys() []string {
	commands := []string{": > all.allowed; : > all.gpg"}
	for _, e := range x.versions {
		commands = append(commands, x.readCovenant(e)+"; "+keysOf("ssh")+" >> all.allowed")
		if carriesOpenPGP(e.Receipt) {
			commands = append(commands, keysOf("openpgp")+" | while read -r p key; do echo $key | base64 -d >> all.gpg; done")
		}
	}
	return commands
}

// keysOf prints the keys of a type in the file covenant, each behind its principal.
func keysOf(kind string) string {
	return `sed -n '/^\.principals\[[0-9]*\]\.keys\[[0-9]*\]\.key /{N;s/^\.principals\[\([0-9]*\)\]\.keys\[[0-9]*\]\.key "\(.*\)"\n[^ ]* "` + kind + `"$/p\1 \2/p;}' covenant`
}

// armored goes on where the file sig is an SSH signature as ssh-keygen spells it, which
// reads others too.
const armored = `{ echo "-----BEGIN SSH SIGNATURE-----"; sed '1d;$d' sig | base64 -d | base64 | tr -d '\n' | fold -w 70; echo; echo "-----END SSH SIGNATURE-----"; } 2> said | cmp -s - sig`

// ours goes on where the file sig was made for vaultmesh, by a digest of SHA-2, whosever
// it is.
const ours = `sed '1d;$d' sig | base64 -d | ` + asHex + ` | grep -q 000000097661756c746d6573680000000000000006736861`

// onePacket goes on where the file sig is one packet of OpenPGP and nothing else, and
// strongBinary where that is a signature over binary data, by a digest that cannot be
// forged: gpg verifies others too.
const (
	onePacket    = `gpg --batch --list-packets sig > packet 2> gpg.log && LC_ALL=C awk -f packet.awk size=$(wc -c < sig) packet`
	strongBinary = `LC_ALL=C awk -f packet.awk size=$(wc -c < sig) counting=1 packet`
)
