// Command pins works out which versions a template pins: go.mod.tmpl and go.sum.tmpl of one in Go, package-lock.json.tmpl
// of one in TypeScript, right for every combination of options.
//
//	go run ./templates/testdata/pins [-check] [-fresh] [TYPE [NAME@VERSION...]]
//
// It asks the go command and npm, as they are set up, what each combination needs, beginning with the versions that the
// templates pin now, and writes that with conditions. With -check it writes nothing, and fails where that is not what
// stands there.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pins:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("pins", flag.ContinueOnError)
	folder := flags.String("templates", "templates", "where the templates lie")
	check := flags.Bool("check", false, "write nothing, fail where the templates pin something else")
	fresh := flags.Bool("fresh", false, "keep only what the template itself asks for, take what that needs anew")
	if err := flags.Parse(args); err != nil {
		return err
	}
	types := flags.Args()
	var wanted []string
	if len(types) > 1 {
		types, wanted = types[:1], types[1:]
	}
	if len(types) == 0 {
		types = []string{"api", "tool", "web"}
	}
	var failed error
	for _, name := range types {
		made, err := pin(filepath.Join(*folder, name), *fresh, wanted)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for file, text := range made {
			failed = errors.Join(failed, settle(filepath.Join(*folder, name, file), text, *check))
		}
	}
	return failed
}

// pin returns the files that pin versions, by name.
func pin(folder string, fresh bool, wanted []string) (map[string]string, error) {
	t, err := read(folder)
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "pins")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	switch {
	case t.has("go.mod.tmpl"):
		return pinGo(t, scratch, fresh, wanted)
	case t.has("package.json.tmpl"):
		return pinNode(t, scratch, fresh, wanted)
	}
	return nil, errors.New("it has neither go.mod.tmpl nor package.json.tmpl")
}

// settle writes a file, or says that it is another.
func settle(path, text string, check bool) error {
	have, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if bytes.Equal(have, []byte(text)) {
		return nil
	}
	if check {
		return fmt.Errorf("%s is not what its versions come to", path)
	}
	fmt.Println("wrote", path)
	return os.WriteFile(path, []byte(text), 0o644)
}

// nameAndVersion takes NAME@VERSION apart; a name of npm may begin with @ itself.
func nameAndVersion(text string) (name, version string, err error) {
	at := strings.LastIndex(text, "@")
	if at < 1 || at == len(text)-1 {
		return "", "", fmt.Errorf("%q is not NAME@VERSION", text)
	}
	return text[:at], text[at+1:], nil
}
