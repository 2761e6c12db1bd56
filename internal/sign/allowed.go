package sign

import (
	"fmt"
	"path"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// Owned is a key and whose it is said to be.
type Owned struct {
	Name string
	Key  *Key
}

// AllowedSigners say how a file of allowed signers is read.
type AllowedSigners struct {
	File      string    // for messages
	Namespace string    // for which its keys are wanted
	Owner     string    // whose keys they are, whatever the lines say; "" for what they say
	Now       time.Time // at which they must be valid; its location is that of dates without a zone
}

// Read reads a file of allowed signers (ssh-keygen(1), "ALLOWED SIGNERS"). Of a list
// of names the first one that is no pattern is the owner's. A line that lets its key
// sign nothing here today is passed over: remarks say which, and what a covenant
// cannot keep of others. What cannot be read is a fault: BadKey (VM308).
func (a AllowedSigners) Read(text []byte) (keys []Owned, remarks []string, err error) {
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		owned, remark, err := a.line(line)
		if err != nil {
			return nil, nil, fault.New(fault.BadKey, "%s:%d: %s", a.File, n, fault.From(err).Message)
		}
		if remark != "" {
			remarks = append(remarks, fmt.Sprintf("%s:%d: %s", a.File, n, remark))
		}
		if owned.Key != nil {
			keys = append(keys, owned)
		}
	}
	if len(keys) == 0 {
		return nil, remarks, badKey("%s names none that may sign in the namespace %s today", a.File, a.Namespace)
	}
	return keys, remarks, nil
}

// line reads one line. It has no key where that is passed over.
func (a AllowedSigners) line(text string) (Owned, string, error) {
	names, rest, ok := firstField(text)
	if !ok {
		return Owned{}, "", badKey("the names begin with a quotation mark, and do not end with one")
	}
	public, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return Owned{}, "", badKey("there is no SSH public key")
	}
	limits, err := readLimits(options, a.Now.Location())
	if err != nil {
		return Owned{}, "", err
	}
	if why := limits.against(a.Namespace, a.Now); why != "" {
		return Owned{}, fmt.Sprintf("the key of %s is passed over: %s", names, why), nil
	}
	owner, err := a.owner(names)
	if err != nil {
		return Owned{}, "", err
	}
	key, err := sshKey(public)
	if err != nil || limits.before.IsZero() {
		return Owned{owner, key}, "", err
	}
	return Owned{owner, key}, fmt.Sprintf("the key of %s ends at %s, which a covenant does not know: revoke it then", names, limits.before.Format(time.RFC3339)), nil
}

// firstField cuts the first field off a line, which may be quoted.
func firstField(line string) (field, rest string, ok bool) {
	if quoted, is := strings.CutPrefix(line, `"`); is {
		field, rest, ok = strings.Cut(quoted, `"`)
		return field, rest, ok
	}
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i:], true
	}
	return line, "", true
}

// owner is the first of a list of names that is no pattern.
func (a AllowedSigners) owner(names string) (string, error) {
	if a.Owner != "" {
		return a.Owner, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		if name != "" && !strings.ContainsAny(name, "*?!") {
			return name, nil
		}
	}
	return "", badKey("%.80q is a pattern, and a key is one principal's: name it", names)
}

// limits are the options of a line: what its key may sign, and when.
type limits struct {
	authority     bool
	namespaces    string // patterns; "" for all
	after, before time.Time
}

// readLimits reads the options of a line. One that is not known may be a limit, so
// it is a fault.
func readLimits(options []string, zone *time.Location) (limits, error) {
	var l limits
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		value = strings.Trim(value, `"`)
		var err error
		switch strings.ToLower(name) {
		case "cert-authority":
			l.authority = true
		case "namespaces":
			l.namespaces = value
		case "valid-after":
			l.after, err = absoluteTime(value, zone)
		case "valid-before":
			l.before, err = absoluteTime(value, zone)
		default:
			err = badKey("the option %.40q is not known", name)
		}
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

// absoluteTime reads a date or time as ssh-keygen does.
func absoluteTime(text string, zone *time.Location) (time.Time, error) {
	digits := text
	for _, suffix := range []string{"Z", "UTC"} {
		if cut, found := strings.CutSuffix(text, suffix); found {
			digits, zone = cut, time.UTC
		}
	}
	for _, form := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.ParseInLocation(form, digits, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, badKey("%.40q is no date as YYYYMMDD, or with HHMM or HHMMSS behind it", text)
}

// against says why a key may not sign in a namespace at a time, "" where it may. A
// key for git's namespace may: such files are mostly kept for git.
func (l limits) against(namespace string, now time.Time) string {
	switch {
	case l.authority:
		return "it is a certificate authority's, which signs nothing itself"
	case l.namespaces != "" && !matches(l.namespaces, namespace) && !matches(l.namespaces, "git"):
		return fmt.Sprintf("it is for the namespaces %s", l.namespaces)
	case !l.after.IsZero() && now.Before(l.after):
		return "it is not valid before " + l.after.Format(time.RFC3339)
	case !l.before.IsZero() && !now.Before(l.before):
		return "it was valid until " + l.before.Format(time.RFC3339)
	}
	return ""
}

// matches tells whether a list of patterns lets a name in (ssh_config(5),
// "PATTERNS"): one matches, and none that is negated does.
func matches(patterns, name string) bool {
	in := false
	for pattern := range strings.SplitSeq(patterns, ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		fits, err := path.Match(pattern, name)
		if err != nil || strings.ContainsAny(pattern, `[\`) || !fits {
			continue
		}
		if negated {
			return false
		}
		in = true
	}
	return in
}
