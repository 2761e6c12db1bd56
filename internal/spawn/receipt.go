package spawn

import (
	"context"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/receipt"
	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// PathLabel is the label of a spawn receipt that names the folder, from the top of the repository. A
// receipt about all of a repository has none.
const PathLabel = "path"

// Receipt is the receipt of what was spawned: which template, with which answers, and what came of it, at
// which commit and in which folder. template is the template as it can be found again.
func Receipt(repo *gitrepo.Repo, plan *templates.Plan, template string, output templates.Digest, folder string, id gitrepo.OID, tree gitrepo.OID) *receipt.Receipt {
	object := func(id gitrepo.OID) receipt.Object { return receipt.Object(repo.Algorithm() + ":" + string(id)) }
	r := &receipt.Receipt{
		Kind: receipt.KindSpawn, Component: plan.Name, Commit: object(id), Tree: object(tree),
		Spawn: &receipt.Spawn{
			Template: template, TemplateDigest: receipt.Digest(plan.Template.Digest()),
			Answers: plan.Answers, OutputDigest: receipt.Digest(output),
		},
	}
	if folder != "" {
		r.Labels = map[string]string{PathLabel: folder}
	}
	return r
}

// maxCommitted bounds the files of a commit that are read for a digest, in bytes: what a template makes,
// and what hooks may have added.
const maxCommitted = 4 * templates.MaxTotal

// Committed is the digest of the files that a commit has in a folder, as of a plan. The faults are
// those of [gitrepo.Repo.FilesAt].
func Committed(ctx context.Context, repo *gitrepo.Repo, id gitrepo.OID, folder string) (templates.Digest, error) {
	listed, err := repo.FilesAt(ctx, id, folder)
	if err != nil {
		return templates.Digest{}, err
	}
	if err := repo.ReadFiles(ctx, listed, templates.MaxTotal, maxCommitted); err != nil {
		return templates.Digest{}, err
	}
	files := make([]templates.File, len(listed))
	for i, f := range listed {
		if f.Mode != "100644" && f.Mode != "100755" {
			return templates.Digest{}, fault.New(fault.OtherOutput, "%.200q is no plain file at the commit %s", f.Path, id.Short())
		}
		files[i] = templates.File{Path: f.Path, Executable: f.Mode == "100755", Content: f.Data}
	}
	return templates.DigestOf(files), nil
}

// treeFiles are the files of a plan as git has them.
func treeFiles(plan *templates.Plan) []gitrepo.TreeFile {
	files := make([]gitrepo.TreeFile, len(plan.Files))
	for i, f := range plan.Files {
		files[i] = gitrepo.TreeFile{Path: f.Path, Mode: f.Mode(), Data: f.Content}
	}
	return files
}

// Output is the digest of what was committed of a plan in a folder, and whether that is the plan's: a
// hook or a filter may have changed it. tree is the commit's.
func Output(ctx context.Context, repo *gitrepo.Repo, plan *templates.Plan, id, tree gitrepo.OID, folder string) (templates.Digest, bool, error) {
	made, _ := gitrepo.TreeOfFiles(repo.Algorithm(), treeFiles(plan))
	there, err := repo.Subtree(ctx, tree, folder)
	if err != nil || there == made {
		return plan.Digest(), true, err
	}
	digest, err := Committed(ctx, repo, id, folder)
	return digest, digest == plan.Digest(), err
}
