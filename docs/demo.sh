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
unset GIT_DIR GIT_WORK_TREE XDG_CONFIG_HOME
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

say "A ledger"
run git vaultmesh init

say "The release of the binary that was just built, with its evidence"
mkdir dist
cp "$bin/git-vaultmesh" dist/git-vaultmesh
git-vaultmesh version --format json > dist/build.json
version=v0.0.0-demo
run git vaultmesh record release --component git-vaultmesh --version "$version" --artifact dist/git-vaultmesh --evidence dist/build.json --note "built by make demo"
run git vaultmesh record deploy --component git-vaultmesh --version "$version" --artifact dist/git-vaultmesh --label env=demo
run git vaultmesh record deploy --component git-vaultmesh --version "$version" --artifact dist/git-vaultmesh --label env=demo --once

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

say "So is a ledger from which a receipt was taken away"
tree=$(git ls-tree refs/vaultmesh/ledger | grep VERSION | git mktree)
commit=$(echo "nothing happened" | git commit-tree "$tree" -p refs/vaultmesh/ledger)
run git update-ref refs/vaultmesh/ledger "$commit"
refused git vaultmesh verify --all
echo
echo "demo: done"
