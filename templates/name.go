package templates

import (
	"slices"
	"strings"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// The places in which the name of a service lands, and the names that mean something else there.
var (
	windowsNames = "con prn aux nul com0 com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt0 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9"
	besideNames  = "prometheus grafana postgres postgresql nats rabbitmq otel-collector localhost host-docker-internal"
	folderNames  = "tests src deploy docs scripts node-modules"

	pythonWords   = "and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield"
	pythonModules = `abc aifc antigravity argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii bisect builtins bz2 calendar cgi cgitb chunk
 cmath cmd code codecs codeop collections colorsys compileall compression concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes curses
 dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch fractions
 ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib inspect io
 ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt
 multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib pdb pickle pickletools pipes pkgutil platform
 plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource
 rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site sitecustomize usercustomize smtpd smtplib sndhdr socket socketserver spwd
 sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile
 telnetlib tempfile termios test textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types
 typing unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib
 zoneinfo`
	// What a service imports or is tested with.
	pythonPackages = "conftest setup fastapi starlette pydantic uvicorn pytest httpx anyio prometheus_client pip setuptools wheel"

	goWords    = "break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var"
	goDeclared = `any append bool byte cap clear close comparable complex complex64 complex128 copy delete error false float32 float64 imag init int int8 int16 int32
 int64 iota len main make max min new nil panic print println real recover rune string true uint uint8 uint16 uint32 uint64 uintptr`
	goPackages = `all archive bufio builtin bytes cmd cmp compress container context crypto database debug embed encoding errors expvar flag fmt hash html image index
 internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort std strconv strings structs sync syscall testdata testing text time unicode
 unique unsafe vendor weak`

	javascriptWords = `break case catch class const continue debugger default delete do else enum export extends false finally for function if implements import in
 instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield await
 assert buffer cluster console constants crypto dgram dns domain events fs http http2 https inspector module net os path perf-hooks process punycode
 querystring readline repl stream string-decoder sys timers tls tty url util v8 vm wasi worker-threads zlib`
)

// place is where a name lands, and what it must not be there.
type place struct {
	files []string // endings of files that show that a template lands there; none for everywhere
	names string
	why   string
}

var places = []place{
	{nil, windowsNames, "a device on Windows"},
	{nil, besideNames, "a service that stands beside it"},
	{nil, folderNames, "a folder beside its source"},
	{[]string{".py"}, pythonWords, "a word of Python"},
	{[]string{".py"}, pythonModules, "a module of Python's own library, which it would hide"},
	{[]string{".py"}, pythonPackages, "a Python package that it would hide"},
	{[]string{".go", "go.mod"}, goWords, "a word of Go"},
	{[]string{".go", "go.mod"}, goDeclared, "a name that Go declares"},
	{[]string{".go", "go.mod"}, goPackages, "a package of Go's own library"},
	{[]string{".ts", ".js", ".mjs"}, javascriptWords, "a word of JavaScript or a module of Node"},
}

// CheckName judges the name of a service: 1 to 63 lower-case letters, digits and hyphens that begin
// with a letter and end with none of the hyphens, and no name that means something else where
// the template writes it, or that a default cannot have in it. It is then a label of DNS, and the name of a folder, an image, an
// object of Kubernetes and, with _ for -, a module. The fault is BadName (VM801).
func (t *Template) CheckName(name string) error {
	if !idForm.MatchString(name) || strings.HasSuffix(name, "-") {
		return fault.New(fault.BadName, "%.80q is not 1 to 63 lower-case letters, digits and hyphens that begin with a letter and end with a letter or digit", name)
	}
	for _, p := range places {
		if !t.landsIn(p) {
			continue
		}
		names := strings.Fields(p.names)
		if slices.Contains(names, name) || slices.Contains(names, Module(name)) {
			return fault.New(fault.BadName, "%s is reserved: it is %s", name, p.why)
		}
	}
	if slices.Contains(t.reserved, name) {
		return fault.New(fault.BadName, "%s is reserved by the template %s", name, t.ID)
	}
	for i := range t.Questions {
		q := &t.Questions[i]
		if q.Default == nil {
			continue
		}
		if _, err := q.Check(q.DefaultFor(name)); err != nil {
			return fault.New(fault.BadName, "%s cannot be what %s asks for as %s", name, t.ID, q.Name).Because(err)
		}
	}
	return nil
}

func (t *Template) landsIn(p place) bool {
	return len(p.files) == 0 || slices.ContainsFunc(t.files, func(s Source) bool {
		path := strings.TrimSuffix(s.Path, rendered)
		return slices.ContainsFunc(p.files, func(end string) bool { return strings.HasSuffix(path, end) })
	})
}

// Module is a name as a module or package has it: with _ for -.
func Module(name string) string { return strings.ReplaceAll(name, "-", "_") }
