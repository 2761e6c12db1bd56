package templates

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"

	"github.com/VaultSovereign/git-vaultmesh/internal/fault"
)

// program is a file that is rendered: its own template and those that it defines.
type program map[string]*parse.Tree

// rootName is how the template of a file calls itself.
const rootName = "file"

// compile parses a file and sees what it calls: functions of the list, and templates that it
// has, none of which leads back to itself.
func compile(path, text string) (program, error) {
	tree := parse.New(rootName)
	tree.Mode = parse.SkipFuncCheck
	trees := make(map[string]*parse.Tree)
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		return nil, bad("%s cannot be read as a template", path).Because(err)
	}
	if trees[rootName] == nil { // nothing but spaces and definitions
		trees[rootName] = tree
	}
	calls := make(map[string][]string)
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		v := &visit{path: path, tree: trees[name]}
		if v.list(trees[name].Root); v.err != nil {
			return nil, v.err
		}
		calls[name] = v.calls
	}
	if err := refuseCycles(path, calls); err != nil {
		return nil, err
	}
	return trees, nil
}

// visit walks one tree, puts a step in front of what may be done more than once, and has all that is
// printed go through one function, which knows what may be.
type visit struct {
	path  string
	tree  *parse.Tree
	calls []string // templates
	nodes int      // of the list that is walked, without those of lists in it
	err   error
}

func (v *visit) list(l *parse.ListNode) {
	if l == nil {
		return
	}
	outside := v.nodes
	v.nodes = 1
	for _, n := range l.Nodes {
		v.node(n)
	}
	l.Nodes = slices.Insert(l.Nodes, 0, v.step())
	v.nodes = outside
}

// step is a call of the function that counts.
func (v *visit) step() parse.Node {
	count := v.call(stepName)
	count.Args = append(count.Args, &parse.NumberNode{NodeType: parse.NodeNumber, IsInt: true, Int64: int64(v.nodes), Text: strconv.Itoa(v.nodes)})
	return &parse.ActionNode{NodeType: parse.NodeAction, Pipe: &parse.PipeNode{NodeType: parse.NodePipe, Cmds: []*parse.CommandNode{count}}}
}

func (v *visit) call(name string) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Args: []parse.Node{parse.NewIdentifier(name).SetTree(v.tree)}}
}

func (v *visit) node(n parse.Node) {
	v.nodes++
	switch n := n.(type) {
	case *parse.ActionNode:
		v.pipe(n.Pipe)
		if len(n.Pipe.Decl) == 0 {
			n.Pipe.Cmds = append(n.Pipe.Cmds, v.call(printName))
		}
	case *parse.IfNode:
		v.branch(&n.BranchNode)
	case *parse.WithNode:
		v.branch(&n.BranchNode)
	case *parse.RangeNode:
		v.branch(&n.BranchNode)
	case *parse.TemplateNode:
		v.calls = append(v.calls, n.Name)
		v.pipe(n.Pipe)
	case *parse.PipeNode:
		v.pipe(n)
	case *parse.ChainNode:
		v.node(n.Node)
	case *parse.IdentifierNode:
		v.function(n)
	}
}

func (v *visit) branch(b *parse.BranchNode) {
	v.pipe(b.Pipe)
	v.list(b.List)
	v.list(b.ElseList)
}

func (v *visit) pipe(p *parse.PipeNode) {
	if p == nil {
		return
	}
	for _, c := range p.Cmds {
		for _, arg := range c.Args {
			v.node(arg)
		}
	}
}

func (v *visit) function(n *parse.IdentifierNode) {
	if v.err == nil && !slices.Contains(Functions(), n.Ident) {
		place, _ := v.tree.ErrorContext(n)
		_, line, _ := strings.Cut(place, ":")
		v.err = fault.New(fault.TemplateFunction, "%s, line %s: a template has no function %.40q", v.path, strings.Split(line, ":")[0], n.Ident)
	}
}

// refuseCycles looks for a template that comes to call itself.
func refuseCycles(path string, calls map[string][]string) error {
	done := make(map[string]bool)
	var follow func(name string, above []string) error
	follow = func(name string, above []string) error {
		if slices.Contains(above, name) {
			return fault.New(fault.TemplateCycle, "%s: the template %.40q calls itself%s", path, name, through(above, name))
		}
		if done[name] {
			return nil
		}
		called, there := calls[name]
		if !there {
			return bad("%s: there is no template %.40q in it", path, name)
		}
		for _, next := range called {
			if err := follow(next, append(above, name)); err != nil {
				return err
			}
		}
		done[name] = true
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if err := follow(name, nil); err != nil {
			return err
		}
	}
	return nil
}

func through(above []string, name string) string {
	between := above[slices.Index(above, name)+1:]
	if len(between) == 0 {
		return ""
	}
	return fmt.Sprintf(", through %.40q", between[len(between)-1])
}
