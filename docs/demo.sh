#!/bin/sh
# The main job, shown on a scratch clone of this very repository. Run it with
# `make demo`; the argument is the folder with the two commands.
set -eu
bin=$1
here=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A person of its own and nobody's configuration, so that it runs on any machine.
HOME=$scratch/home
GIT_CONFIG_GLOBAL=$HOME/.gitconfig
GIT_CONFIG_NOSYSTEM=1
PATH=$bin:$PATH
export HOME GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM PATH
unset GIT_DIR GIT_WORK_TREE XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME
mkdir "$HOME"
git config --global user.name "Ada Demo"
git config --global user.email ada@example.com
git config --global safe.directory '*'
git config --global init.defaultBranch main

say() { printf '\n# %s\n' "$*"; }
run() {
	printf '$ %s\n' "$*"
	"$@" 2>&1
}
refused() {
	printf '$ %s\n' "$*"
	if "$@" 2>&1; then
		echo "demo: this should have been refused" >&2
		exit 1
	fi
}

git -C "$here" rev-parse --git-dir >/dev/null 2>&1 || {
	echo "demo: this is no git clone; the demo records the release of its own commit" >&2
	exit 1
}
say "A scratch clone of this repository, and a bare hub to share it through"
git clone -q --bare "file://$here" "$scratch/hub.git"
run git clone -q "file://$scratch/hub.git" "$scratch/work"
cd "$scratch/work"

say "A key to sign with, and a time-stamp authority of one's own"
run git vaultmesh key generate --no-passphrase
git-vaultmesh tsa serve --listen 127.0.0.1:0 > "$scratch/tsa" &
tsa=$!
trap 'kill $tsa 2>/dev/null || :; rm -rf "$scratch"' EXIT
for wait in 1 2 3 4 5 6 7 8 9 10; do
	grep -q root "$scratch/tsa" || sleep 0.5
done
url=$(sed -n 's/^answering at //p' "$scratch/tsa")
run git vaultmesh tsa add own "$url" --cacert "$HOME/.local/share/vaultmesh/tsa/root.pem"

say "A ledger, whose first receipt names the key and the authority"
run git vaultmesh init

say "The release of the binary that was just built, with its evidence"
mkdir dist
cp "$bin/git-vaultmesh" dist/git-vaultmesh
git-vaultmesh version --format json > dist/build.json
version=v0.0.0-demo
run git vaultmesh record release --component git-vaultmesh --version "$version" --artifact dist/git-vaultmesh --evidence dist/build.json --note "built by make demo"
run git vaultmesh record deploy --component git-vaultmesh --version "$version" --artifact dist/git-vaultmesh --label env=demo
run git vaultmesh record deploy --component git-vaultmesh --version "$version" --artifact dist/git-vaultmesh --label env=demo --once

say "One signed and stamped root over everything so far, and a proof that one can mail"
run git vaultmesh seal
id=$(git remembrancer query component:git-vaultmesh kind:release --format json | sed -n 's/^ *"id": "\(.*\)".*/\1/p')
run git vaultmesh prove "$id" -o "$scratch/demo.vmproof"
ledger=$(git config vaultmesh.ledger)

say "Plain git carries it"
run git push -q origin refs/vaultmesh/ledger

say "A second clone finds the release; the first question takes the ledger"
run git clone -q "file://$scratch/hub.git" "$scratch/second"
cd "$scratch/second"
run git remembrancer query 'component:git-vaultmesh kind:release "make demo"'
run git remembrancer list deployments --since 2.weeks.ago
run git remembrancer timeline
run git log -1 --notes=vaultmesh
run git vaultmesh init
run git vaultmesh verify "$bin/git-vaultmesh"
run git vaultmesh verify --all

say "A copy that was tampered with is refused"
cp "$bin/git-vaultmesh" "$scratch/second/git-vaultmesh"
printf x >> git-vaultmesh
refused git vaultmesh verify --file git-vaultmesh

say "The proof, outside of any repository, by somebody who knows the ledger's id"
cd "$scratch"
run env XDG_CONFIG_HOME="$scratch/nobody" git vaultmesh verify demo.vmproof "$bin/git-vaultmesh" --ledger "$ledger"

say "A forged one, with a covenant of its own, is not that ledger's"
mkdir forger
(
	cd forger
	git init -q
	git vaultmesh init --name git-vaultmesh >/dev/null 2>&1
	git vaultmesh record release --component git-vaultmesh --version "$version" --artifact "$bin/git-vaultmesh" --commit none >/dev/null
	git vaultmesh prove "$(git remembrancer query kind:release --format json | sed -n 's/^ *"id": "\(.*\)".*/\1/p')" -o ../forged.vmproof >/dev/null 2>&1
)
refused env XDG_CONFIG_HOME="$scratch/nobody" git vaultmesh verify forged.vmproof "$bin/git-vaultmesh" --ledger "$ledger"
cd "$scratch/second"

say "Both clones record apart, meet through the hub, and have the same"
run git vaultmesh record deploy --component git-vaultmesh --version "$version" --label env=second
run git vaultmesh sync
(
	cd "$scratch/work"
	run git vaultmesh record deploy --component git-vaultmesh --version "$version" --label env=work
	run git vaultmesh sync
)
run git vaultmesh sync
for clone in work second; do (cd "$scratch/$clone" && run git vaultmesh status); done
[ "$(git rev-parse refs/vaultmesh/ledger)" = "$(git -C "$scratch/work" rev-parse refs/vaultmesh/ledger)" ]

say "A rule of the covenant binds pushes: one that breaks it is refused, and passes when what it lacks is there"
git vaultmesh covenant show > "$scratch/rules.toml"
cat >> "$scratch/rules.toml" <<EOF

[[rules]]
name = "release-tags"
sentence = "A tag of a version has a signed release receipt."
refs = ["refs/tags/v*"]

[rules.require]
receipts = ["release"]
signers = [{ count = 1 }]
EOF
run git vaultmesh covenant propose "$scratch/rules.toml"
run git vaultmesh hook install
git tag v0.0.1-demo
refused git push -q origin v0.0.1-demo
run git vaultmesh record release --component git-vaultmesh --version v0.0.1-demo --artifact "$bin/git-vaultmesh"
run git push -q origin v0.0.1-demo refs/vaultmesh/ledger
run git vaultmesh covenant check

say "A ledger from which a receipt was taken away is refused"
tree=$(git ls-tree refs/vaultmesh/ledger | grep VERSION | git mktree)
commit=$(echo "nothing happened" | git commit-tree "$tree" -p refs/vaultmesh/ledger)
run git update-ref refs/vaultmesh/ledger "$commit"
refused git vaultmesh verify --all
echo
echo "demo: done"
