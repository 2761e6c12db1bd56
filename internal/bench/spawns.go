package main

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// spawns is the row of a service that is made with its first commit, ledger and receipt, beside a repository with one file
// and one commit, and, where cookiecutter is, beside the same files made and committed with that.
func (b *setting) spawns() ([]row, error) {
	at := func(name string) string { return filepath.Join(b.work, name+"-{n}") }
	made := row{"spawn service", b.ours("spawn", "orders", "--type", "service", "--output", at("spawned")), [][]string{
		{"sh", "-c", "git init -q " + at("plain") + " && cd " + at("plain") + " && echo one > file && git add . && git commit -q -m one"},
	}}
	if _, err := exec.LookPath("cookiecutter"); err == nil {
		template := filepath.Join(b.work, "cookiecutter")
		if err := bake(template); err != nil {
			return nil, err
		}
		make := "cookiecutter --no-input -o " + at("baked") + " " + template + " && cd " + at("baked") + "/orders && git init -q && git add . && git commit -q -m one"
		made.peers = append(made.peers, []string{"sh", "-c", make})
	}
	return []row{made}, nil
}

// bake writes what the template service makes as a template of cookiecutter, which copies the files as they are.
func bake(dir string) error {
	t, err := templates.Find(templates.Builtin(), "service")
	if err != nil {
		return err
	}
	plan, err := t.Plan(templates.Request{Name: "orders", Year: 2026})
	if err != nil {
		return err
	}
	files := append(plan.Files, templates.File{Path: "../cookiecutter.json", Content: []byte(`{"name": "orders", "_copy_without_render": ["*"]}`)})
	for _, f := range files {
		path := filepath.Join(dir, "{{cookiecutter.name}}", filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Content, 0o666); err != nil {
			return err
		}
	}
	return nil
}
