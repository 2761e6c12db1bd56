package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A choice of combinations, by their numbers.
type set map[int]bool

func (s set) key() string {
	var members []int
	for i := range s {
		members = append(members, i)
	}
	slices.Sort(members)
	return fmt.Sprint(members)
}

func (s set) within(other set) bool {
	for i := range s {
		if !other[i] {
			return false
		}
	}
	return true
}

func (s set) and(other set) set {
	both := make(set)
	for i := range s {
		if other[i] {
			both[i] = true
		}
	}
	return both
}

func (s set) shared(other set) int {
	return len(s.and(other))
}

// A cube is the combinations where some literals hold together.
type cube struct {
	members  set
	literals []string
}

// against counts the literals that say what is not.
func (c cube) against() int {
	n := 0
	for _, l := range c.literals {
		if strings.Contains(l, "(not ") || strings.Contains(l, "(ne ") {
			n++
		}
	}
	return n
}

// conditions turns choices of combinations into conditions of text/template.
type conditions struct {
	count int
	cubes []cube
	known map[string]string
}

type literal struct {
	text  string // nothing where all hold
	holds []string
}

func newConditions(axes []axis, combos []map[string]string) *conditions {
	picks := [][]literal{nil}
	for _, a := range axes {
		var longer [][]literal
		for _, pick := range picks {
			for _, l := range literals(a) {
				longer = append(longer, append(slices.Clone(pick), l))
			}
		}
		picks = longer
	}
	c := &conditions{count: len(combos), known: make(map[string]string)}
	for _, pick := range picks {
		c.cubes = append(c.cubes, cubeOf(pick, axes, combos))
	}
	slices.SortStableFunc(c.cubes, func(a, b cube) int {
		return cmp.Or(-cmp.Compare(len(a.members), len(b.members)), cmp.Compare(len(a.literals), len(b.literals)), cmp.Compare(a.against(), b.against()))
	})
	return c
}

func literals(a axis) []literal {
	on := a.choices[1:]
	list := []literal{
		{"", a.choices},
		{".with." + a.option, on},
		{"(not .with." + a.option + ")", []string{""}},
	}
	if len(on) < 2 {
		return list
	}
	for _, choice := range on {
		others := slices.DeleteFunc(slices.Clone(a.choices), func(c string) bool { return c == choice })
		list = append(list,
			literal{fmt.Sprintf("(eq .with.%s %q)", a.option, choice), []string{choice}},
			literal{fmt.Sprintf("(ne .with.%s %q)", a.option, choice), others})
	}
	return list
}

func cubeOf(pick []literal, axes []axis, combos []map[string]string) cube {
	c := cube{members: make(set)}
	for i, combo := range combos {
		c.members[i] = true
		for n, a := range axes {
			if !slices.Contains(pick[n].holds, combo[a.option]) {
				delete(c.members, i)
			}
		}
	}
	for _, l := range pick {
		if l.text != "" {
			c.literals = append(c.literals, l.text)
		}
	}
	return c
}

// of is a condition that holds for these combinations alone, as short as greed finds it; nothing where all are meant.
func (c *conditions) of(want set) string {
	if len(want) == c.count {
		return ""
	}
	if text, ok := c.known[want.key()]; ok {
		return text
	}
	left := make(set)
	for i := range want {
		left[i] = true
	}
	var terms []string
	for len(left) > 0 {
		best := c.best(want, left)
		for i := range best.members {
			delete(left, i)
		}
		terms = append(terms, joined("and", best.literals))
	}
	slices.Sort(terms)
	text := joined("or", terms)
	c.known[want.key()] = text
	return text
}

// best is the cube within want that has the most of what is left; of several the shortest, then the one that says what is.
func (c *conditions) best(want, left set) cube {
	var best cube
	for _, candidate := range c.cubes {
		if !candidate.members.within(want) {
			continue
		}
		order := cmp.Or(
			cmp.Compare(candidate.members.shared(left), best.members.shared(left)),
			-cmp.Compare(len(candidate.literals), len(best.literals)),
			-cmp.Compare(candidate.against(), best.against()))
		if best.members == nil || order > 0 {
			best = candidate
		}
	}
	return best
}

func joined(word string, terms []string) string {
	if len(terms) == 1 {
		return terms[0]
	}
	return "(" + word + " " + strings.Join(terms, " ") + ")"
}

// bare is a condition as it stands after an if.
func bare(condition string) string {
	if strings.HasPrefix(condition, "(") {
		return condition[1 : len(condition)-1]
	}
	return condition
}

// A line of a file, and when it stands there.
type line struct {
	text, condition string
}

// runs calls each with what follows one another under one condition.
func runs(lines []line, each func(condition string, texts []string)) {
	for begin := 0; begin < len(lines); {
		end := begin
		var texts []string
		for ; end < len(lines) && lines[end].condition == lines[begin].condition; end++ {
			texts = append(texts, lines[end].text)
		}
		each(lines[begin].condition, texts)
		begin = end
	}
}
