// Package cli is what people type: the grammar of git vaultmesh and git
// remembrancer, one command a file, and how answers look. All that is
// particular to a process, its arguments, clock, environment and streams,
// comes in through [Env] and goes no further down.
package cli

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"github.com/VaultSovereign/git-vaultmesh/internal/config"
	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
	"github.com/VaultSovereign/git-vaultmesh/internal/gitrepo"
	"github.com/VaultSovereign/git-vaultmesh/internal/index"
	"github.com/VaultSovereign/git-vaultmesh/internal/record"
	"github.com/VaultSovereign/git-vaultmesh/ledger"
	"github.com/VaultSovereign/git-vaultmesh/notes"
)

// Env is a process, as the command line sees it.
type Env struct {
	Program       string   // "git vaultmesh" or "git remembrancer"
	Args          []string // without the program's name
	Environ       []string // "NAME=value"
	Stdin         io.Reader
	Stdout        io.Writer
	Stderr        io.Writer
	Now           func() time.Time
	ProgressAfter time.Duration // how long work may take in silence
	Templates     fs.FS         // of services, a folder each; nil for those of the program
}

// Process is the real process, as one of the two programs.
func Process(program string) Env {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200) // little lives for long here: a tenth of the time for 70 MB at 50,000 receipts
	}
	zone := localZone(os.Getenv("TZ"))
	return Env{
		Program: program, Args: os.Args[1:], Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Now: func() time.Time { return time.Now().In(zone) }, ProgressAfter: time.Second,
	}
}

func (e Env) lookup(name string) string {
	for _, v := range e.Environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// The two programs.
const (
	Vaultmesh    = "git vaultmesh"
	Remembrancer = "git remembrancer"
)

// global are the flags of every command.
type global struct {
	Format string `enum:"human,json,yaml" default:"human" placeholder:"FORMAT" help:"human, json or yaml"`
}

type vaultmeshGrammar struct {
	Global global    `embed:""`
	Init   initCmd   `cmd:"" help:"begin a ledger, or take the one that a remote has"`
	Record recordCmd `cmd:"" help:"record a release, deployment, decision, incident or discovery"`
	Verify verifyCmd `cmd:"" help:"say whether an artifact, a receipt or the ledger holds"`
	Show   showCmd   `cmd:"" help:"show a receipt"`
	Sign   signCmd   `cmd:"" help:"add a signature to a receipt"`
	Key    keyCmd    `cmd:"" help:"make, list, export or revoke keys"`

	Covenant  covenantCmd  `cmd:"" help:"show or change who may sign, and how many must"`
	Attest    attestCmd    `cmd:"" help:"run something, and record what came of it"`
	Reproduce reproduceCmd `cmd:"" help:"build a commit twice, compare, and record what came of it"`
	Release   releaseCmd   `cmd:"" aliases:"genesis" help:"make the release of a signed tag, or verify one"`
	Prove     proveCmd     `cmd:"" aliases:"export-proof" help:"write a proof about a receipt that one can mail"`
	Seal      sealCmd      `cmd:"" help:"sign one root over everything in the ledger so far"`
	Timestamp timestampCmd `cmd:"" help:"get time-stamps for receipts"`
	TSA       tsaCmd       `cmd:"" name:"tsa" help:"say which time-stamp authorities are asked, or be one"`
	Spawn     spawnCmd     `cmd:"" help:"make a service from a template, and record it"`
	Sync      syncCmd      `cmd:"" help:"take what peers have, merge it, and push"`
	Peer      peerCmd      `cmd:"" help:"say which remotes are met"`
	Merge     mergeCmd     `cmd:"" help:"merge a ledger that is here, or that a bundle carries"`
	Hook      hookCmd      `cmd:"" help:"judge pushes before they are taken"`
	Notes     notesCmd     `cmd:"" help:"make git's notes from the ledger"`
	Status    statusCmd    `cmd:"" help:"say what ledger this clone has"`
	Doctor    doctorCmd    `cmd:"" help:"look for what is in the way"`
	Help      helpCmd      `cmd:"" help:"explain a command"`
	Version   versionCmd   `cmd:"" help:"print the version"`
}

type remembrancerGrammar struct {
	Global   global      `embed:""`
	Query    queryCmd    `cmd:"" help:"find receipts by words and filters"`
	List     listCmd     `cmd:"" help:"list the receipts of a kind"`
	Timeline timelineCmd `cmd:"" help:"draw what happened, day by day"`
	Show     showCmd     `cmd:"" help:"show a receipt"`
	Verify   verifyCmd   `cmd:"" help:"say whether an artifact, a receipt or the ledger holds"`
	Prove    proveCmd    `cmd:"" aliases:"export-proof" help:"write a proof about a receipt that one can mail"`
	Record   recordCmd   `cmd:"" help:"record a release, deployment, decision, incident or discovery"`
	Help     helpCmd     `cmd:"" help:"explain a command"`
	Version  versionCmd  `cmd:"" help:"print the version"`
}

// app is what a command works with.
type app struct {
	env Env
	ctx context.Context
	out *printer

	repo      *gitrepo.Repo
	refs      map[string]gitrepo.OID // as they were when the command began; nil when that is not known
	gitConfig gitrepo.Config
	config    config.Config
	insists   anchoring // what the command says of the ledger that it wants
	behind    []string  // words of a query, or a command to run, behind --, where nothing is a flag
	warned    bool      // that entries are left out
}

// sameSignal is how long after a signal another one counts for the same: git passes
// on to us the interrupt that the terminal has sent us too.
const sameSignal = time.Second

// Main runs one command and returns the exit status.
func Main(env Env) int {
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	context.AfterFunc(ctx, func() { time.Sleep(sameSignal); stop() }) // a second signal ends what does not end by itself
	ignoreFileLimits()
	a := &app{env: env, ctx: ctx, out: newPrinter(env)}
	err := a.guarded()
	if a.repo != nil {
		a.repo.Close()
	}
	if ctx.Err() != nil && err != nil && !fault.Has(err, fault.PushFailed) {
		err = fault.New(fault.Interrupted, "interrupted")
	}
	if flushErr := a.out.flush(); err == nil {
		err = flushErr
	}
	if err == nil {
		return int(fault.ExitOK)
	}
	f := a.advised(fault.From(err))
	a.out.fault(f)
	return int(f.Exit())
}

// advised fills in what the advice of many faults needs.
func (a *app) advised(f *fault.Error) *fault.Error {
	command := commandIn(a.env)
	details := map[string]string{"program": a.env.Program, "command": command, "remote": a.config.DefaultRemote()}
	if f.Code == fault.NoKey {
		details["how"] = withoutKey(a.env.Program, command)
	}
	for name, value := range details {
		if f.Details[name] == "" && value != "" {
			f = f.With(name, value)
		}
	}
	return f
}

// guarded runs the command; what would be a crash, with an exit status that
// means something else, becomes a fault of this program.
func (a *app) guarded() (err error) {
	defer func() {
		if crash := recover(); crash != nil {
			err = fault.New(fault.Internal, "unexpected failure").Because(fmt.Errorf("%v", crash))
		}
	}()
	return a.run()
}

// run parses the arguments and runs the command. What clashes with commands'
// own flags, --version and --help, is answered before the grammar.
func (a *app) run() error {
	args := a.env.Args
	switch {
	case len(args) == 0:
		return (&helpCmd{}).Run(a)
	case askedForVersion(args):
		a.out.format = formatIn(args)
		return (&versionCmd{}).Run(a)
	case askedForHelp(args):
		return (&helpCmd{Command: commandIn(a.env)}).Run(a)
	}
	a.out.format = formatIn(args)
	for i, arg := range args {
		if !utf8.ValidString(arg) {
			return fault.New(fault.NotUTF8, "argument %d is not UTF-8", i+1)
		}
	}
	parsed, err := a.parse(args)
	if err != nil {
		return err
	}
	if c, ok := parsed.Selected().Target.Addr().Interface().(interface{ insistence() anchoring }); ok {
		a.insists = c.insistence()
	}
	return parsed.Run(a)
}

// grammar is the kong model of one of the programs.
func grammar(program string) (*kong.Kong, *global, error) {
	return model(program, reflect.New(grammars[program]))
}

var grammars = map[string]reflect.Type{Vaultmesh: reflect.TypeFor[vaultmeshGrammar](), Remembrancer: reflect.TypeFor[remembrancerGrammar]()}

// grammarFor is the part of the grammar that the words need: one command of it, where
// they begin with its name. To make the model of all takes longer than most commands.
func grammarFor(program string, args []string) (*kong.Kong, *global, error) {
	all := grammars[program]
	for i := 1; i < all.NumField() && len(args) > 0; i++ {
		if f := all.Field(i); slices.Contains(namesOf(f), args[0]) {
			return model(program, reflect.New(reflect.StructOf([]reflect.StructField{all.Field(0), f})))
		}
	}
	return grammar(program)
}

// namesOf are the names of the command that a field of a grammar stands for.
func namesOf(f reflect.StructField) []string {
	name := f.Tag.Get("name")
	if name == "" {
		name = strings.ToLower(f.Name)
	}
	return strings.FieldsFunc(name+","+f.Tag.Get("aliases"), func(r rune) bool { return r == ',' })
}

// model is the kong model of a struct whose first field is global.
func model(program string, v reflect.Value) (*kong.Kong, *global, error) {
	flags := v.Elem().Field(0).Addr().Interface().(*global)
	k, err := kong.New(v.Interface(), kong.Name(program), kong.NoDefaultHelp(), kong.Exit(func(int) {}), kong.Writers(io.Discard, io.Discard))
	return k, flags, err
}

func (a *app) parse(args []string) (*kong.Context, error) {
	k, flags, err := grammarFor(a.env.Program, args)
	if err != nil {
		return nil, fault.New(fault.Internal, "the grammar is wrong").Because(err)
	}
	if i := slices.Index(args, "--"); i > 0 && slices.Contains([]string{"query", "attest", "reproduce"}, commandIn(a.env)) {
		args, a.behind = args[:i], args[i+1:]
	}
	parsed, err := k.Parse(args)
	if err != nil {
		return nil, a.usage(args, err)
	}
	a.out.format = flags.Format
	return parsed, refuseEmpty(parsed)
}

// refuseEmpty refuses a flag whose value is empty: it comes from a variable
// that was not set, and would read as if the flag were not there. Only a note
// may be empty, and an empty hash is a hash of the wrong form.
func refuseEmpty(parsed *kong.Context) error {
	for _, element := range parsed.Path {
		if element.Flag == nil || element.Flag.Name == "note" || element.Flag.Name == "sha256" {
			continue
		}
		value := parsed.FlagValue(element.Flag)
		if list, _ := value.([]string); value == "" || slices.Contains(list, "") {
			return fault.New(fault.Usage, "the value of --%s is empty", element.Flag.Name)
		}
	}
	return nil
}

// usage says what is wrong with the words. A command of the other program is
// named as such.
func (a *app) usage(args []string, err error) error {
	other := otherProgram(a.env.Program)
	if commandIn(a.env) == "" && slices.Contains(commands(other), args[0]) {
		return elsewhere(args[0], other)
	}
	if commandIn(a.env) == "query" && strings.HasPrefix(err.Error(), "unknown flag") {
		return fault.New(fault.Usage, "%s; words that begin with a hyphen stand behind --, or in one argument with others", err)
	}
	said, _, _ := strings.Cut(err.Error(), "; perhaps try ") // a way to write it that would be refused next
	return fault.New(fault.Usage, "%s", said).With("command", commandIn(a.env))
}

func otherProgram(program string) string {
	if program == Remembrancer {
		return Vaultmesh
	}
	return Remembrancer
}

// elsewhere names the program that has a command.
func elsewhere(command, program string) error {
	return fault.New(fault.Usage, "%s is a command of %s", command, program).With("program", program).With("command", command)
}

// askedForVersion finds --version or -v before any command, where only a format
// may stand too.
func askedForVersion(args []string) bool {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--version" || args[i] == "-v":
			return true
		case args[i] == "--format":
			i++
		case !strings.HasPrefix(args[i], "--format="):
			return false
		}
	}
	return false
}

// askedForHelp finds -h or --help anywhere before "--".
func askedForHelp(args []string) bool {
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return slices.Contains(args, "-h") || slices.Contains(args, "--help")
}

// commandIn is the first word that is a command of the program, "" if none is. Another
// name of a command is that command.
func commandIn(env Env) string {
	names := commandWords(env.Program)
	for _, arg := range env.Args {
		if name := names[arg]; name != "" {
			return name
		}
	}
	return ""
}

// commandWords are the commands of one of the programs, by their names and other names.
func commandWords(program string) map[string]string {
	k, _, err := grammar(program)
	if err != nil {
		return nil
	}
	names := make(map[string]string)
	for _, c := range k.Model.Children {
		names[c.Name] = c.Name
		for _, other := range c.Aliases {
			names[other] = c.Name
		}
	}
	return names
}

// commands lists the commands of one of the programs.
func commands(program string) []string {
	k, _, err := grammar(program)
	if err != nil {
		return nil
	}
	var names []string
	for _, c := range k.Model.Children {
		names = append(names, c.Name)
	}
	return names
}

// formatIn finds --format by itself, so that even a usage error is printed in
// the format that was asked for.
func formatIn(args []string) string {
	for i, arg := range args {
		value, ok := strings.CutPrefix(arg, "--format=")
		if arg == "--format" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if ok && (value == formatJSON || value == formatYAML) {
			return value
		}
	}
	return formatHuman
}

// open opens the repository and reads the configuration. A read that judges
// asks no remote for objects that are not here.
func (a *app) open(noLazyFetch bool) error {
	return a.openAs(gitrepo.Options{Env: a.env.Environ, NoLazyFetch: noLazyFetch})
}

// openAs opens a repository that is perhaps not the one of the folder that the user is in. Where there
// is none, the configuration is read all the same.
func (a *app) openAs(o gitrepo.Options) error {
	var err error
	if a.repo, a.gitConfig, err = gitrepo.Look(a.ctx, o); err != nil {
		return err
	}
	if a.config, err = config.Load(a.gitConfig); err != nil {
		return err
	}
	a.repo.MayTake(a.config.MaxTake)
	a.refs, err = a.repo.Exact(a.ctx, a.config.Ref, config.TrackingRef(a.config.DefaultRemote(), a.config.Ref), notes.Ref)
	if fault.Has(err, fault.Interrupted) {
		return err
	}
	inUse, _ := strconv.ParseBool(a.env.lookup("GIT_PAGER_IN_USE"))
	a.out.setColor(a.config.Color, inUse && a.config.Paged, a.env)
	if mode, auto := strings.CutPrefix(a.config.Date, "auto:"); auto { // git-log, "--date"
		a.config.Date = "default"
		if a.out.width > 0 {
			a.config.Date = mode
		}
	}
	return nil
}

// openLedger opens the repository and its ledger, as it is to be read.
func (a *app) openLedger(noLazyFetch bool, f fetching) (*ledger.Ledger, error) {
	if err := a.open(noLazyFetch); err != nil {
		return nil, err
	}
	if err := a.refresh(f); err != nil {
		return nil, err
	}
	return a.ledger()
}

// ledger opens the ledger of the open repository.
func (a *app) ledger() (*ledger.Ledger, error) {
	l, err := ledger.Open(a.ctx, a.repo, a.config.Ref)
	if err == nil {
		l.Pin(a.config.Ledger)
	}
	return l, err
}

// place is where this command records.
func (a *app) place() record.Place {
	return record.Place{Repo: a.repo, Ref: a.config.Ref, Now: a.env.Now(), Ledger: a.config.Ledger}
}

// latest is where the ledger's ref is by now.
func (a *app) latest() (gitrepo.OID, error) { return a.repo.Ref(a.ctx, a.config.Ref) }

// openSource opens the repository, and its ledger where its head is not known
// without.
func (a *app) openSource(f fetching) (index.Source, error) {
	if err := a.open(false); err != nil {
		return index.Source{}, err
	}
	if err := a.refresh(f); err != nil {
		return index.Source{}, err
	}
	s := index.Source{Head: a.refs[a.config.Ref], Pinned: a.config.Ledger, Open: sync.OnceValues(a.ledger), Latest: a.latest}
	if s.Head != "" {
		return s, nil
	}
	l, err := s.Open()
	if err != nil {
		return s, err
	}
	s.Head = l.Head
	return s, nil
}
