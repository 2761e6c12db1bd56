package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/term"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/templates"
)

// request gathers what is wanted of a template: by a file, by flags, and, at a terminal, by asking for the rest.
func (f answering) request(a *app, t *templates.Template) (templates.Request, error) {
	r := templates.Request{Answers: make(map[string]any), With: make(map[string]string)}
	for _, from := range []func(*app, *templates.Template, *templates.Request) error{f.fromFile, f.fromFlags} {
		if err := from(a, t, &r); err != nil {
			return r, err
		}
	}
	if f.Defaults || !a.asks() {
		return r, nil
	}
	return r, a.ask(t, &r)
}

// maxAnswers bounds a file of answers, in bytes.
const maxAnswers = 256 << 10

// fromFile reads a file of answers, each checked by its type.
func (f answering) fromFile(a *app, t *templates.Template, r *templates.Request) error {
	if f.Answers == "" {
		return nil
	}
	text, err := a.read(f.Answers, maxAnswers)
	if err != nil {
		return err
	}
	var all map[string]any
	if err := toml.Unmarshal(text, &all); err != nil {
		return fault.New(fault.BadAnswer, "%s cannot be read", f.Answers).With("question", "QUESTION").With("type", t.ID).Because(tomlPlace(err))
	}
	with, listed := all["with"].(map[string]any)
	if _, there := all["with"]; there && !listed {
		return fault.New(fault.BadAnswer, "with is no table of options in %s", f.Answers).With("type", t.ID)
	}
	delete(all, "with")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		q, err := t.Question(name)
		if err == nil {
			r.Answers[name], err = q.Check(all[name])
		}
		if err != nil {
			return fault.From(err).With("type", t.ID)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(with)) {
		if err := withValue(t, r, name, with[name]); err != nil {
			return err
		}
	}
	return nil
}

func tomlPlace(err error) error {
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		row, column := decode.Position()
		return fmt.Errorf("line %d, column %d: %s", row, column, strings.TrimPrefix(decode.Error(), "toml: "))
	}
	return err
}

// withValue reads an option of a file: a choice, or true and false of a switch.
func withValue(t *templates.Template, r *templates.Request, name string, value any) error {
	choice, isText := value.(string)
	on, isSwitch := value.(bool)
	switch {
	case isSwitch && !on:
		_, err := t.Option(name, "off")
		if fault.Has(err, fault.BadOption) && strings.Contains(err.Error(), "has no option") {
			return err
		}
		delete(r.With, name)
		return nil
	case !isText && !isSwitch:
		return fault.New(fault.BadOption, "the option %.80q is neither a choice nor true or false", name).With("type", t.ID)
	}
	choice, err := t.Option(name, choice)
	r.With[name] = choice
	return err
}

// fromFlags reads --set and --with, which count more than the file.
func (f answering) fromFlags(_ *app, t *templates.Template, r *templates.Request) error {
	set, with := make(map[string]bool), make(map[string]bool)
	for _, text := range f.Set {
		name, value, ok := strings.Cut(text, "=")
		if !ok || set[name] {
			return fault.New(fault.BadAnswer, "%.80q is not an answer of the form QUESTION=ANSWER, or the second to its question", text).With("type", t.ID).With("question", name)
		}
		set[name] = true
		q, err := t.Question(name)
		if err == nil {
			r.Answers[name], err = q.Parse(value)
		}
		if err != nil {
			return fault.From(err).With("type", t.ID)
		}
	}
	for _, text := range f.With {
		name, choice, _ := strings.Cut(text, "=")
		if with[name] {
			return fault.New(fault.BadOption, "the option %.80q is given twice", name).With("type", t.ID)
		}
		with[name] = true
		choice, err := t.Option(name, choice)
		if err != nil {
			return err
		}
		r.With[name] = choice
	}
	return nil
}

// asks tells whether there is a person to ask: at a terminal, who sees the question there.
func (a *app) asks() bool {
	in, ok := a.env.Stdin.(*os.File)
	return ok && term.IsTerminal(int(in.Fd())) && a.out.width > 0 && !a.out.structured()
}

// maxAsked is how often a question is put before the command gives up.
const maxAsked = 3

// ask puts the questions that nobody has answered yet.
func (a *app) ask(t *templates.Template, r *templates.Request) error {
	lines := bufio.NewReader(a.env.Stdin)
	for i := range t.Questions {
		q := &t.Questions[i]
		if _, answered := r.Answers[q.Name]; answered {
			continue
		}
		value, err := a.askOne(lines, q, r.Name)
		if err != nil {
			return fault.From(err).With("type", t.ID)
		}
		r.Answers[q.Name] = value
	}
	return nil
}

func (a *app) askOne(lines *bufio.Reader, q *templates.Question, name string) (any, error) {
	usual := q.DefaultFor(name)
	text := q.Ask + choicesOf(q) + defaultOf(usual) + ": "
	var failed error
	for range maxAsked {
		a.out.prompt(a.env.Stdout, text)
		line, err := a.line(lines)
		if err != nil {
			return nil, err
		}
		if line == "" && usual != nil {
			return usual, nil
		}
		value, err := q.Parse(line)
		if err == nil {
			return value, nil
		}
		failed = err
		a.out.remark("note", "%s", fault.From(err).Message)
	}
	return nil, failed
}

// line reads what a person types. After an interrupt nobody is waited for.
func (a *app) line(lines *bufio.Reader) (string, error) {
	type read struct {
		text string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		text, err := lines.ReadString('\n')
		done <- read{text, err}
	}()
	select {
	case r := <-done:
		if r.err != nil && (r.text == "" || !errors.Is(r.err, io.EOF)) {
			return "", fault.New(fault.BadAnswer, "there is no answer").With("question", "QUESTION")
		}
		return strings.TrimRight(r.text, "\r\n"), nil
	case <-a.ctx.Done():
		return "", fault.New(fault.Interrupted, "interrupted")
	}
}

func choicesOf(q *templates.Question) string {
	if q.Type == templates.TypeBoolean {
		return " (yes or no)"
	}
	if len(q.Choices) == 0 {
		return ""
	}
	return " (" + strings.Join(q.Choices, ", ") + ")"
}

func defaultOf(value any) string {
	if value == nil {
		return ""
	}
	return " [" + cmp.Or(fmt.Sprint(value), "nothing") + "]"
}
