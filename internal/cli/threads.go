package cli

import (
	"slices"
	"strings"
)

// maxThreads is how many threads are drawn beside each other.
const maxThreads = 12

// threads draws components beside each other, each in a place of its own from
// its first entry to its last. Where there are more components than places, a
// place that has become free is taken again. What has no place, because none is
// free or because it is about no component, is drawn in a column behind them.
type threads struct {
	left   map[string]int // entries of a component that are not drawn yet
	places []string       // which component has a place, "" for none
	shared bool           // whether places are taken again
	behind bool           // whether there is a column behind the places
}

// newThreads is for entries about these components, in order; a width above 0
// is how many columns there are for them.
func newThreads(components []string, width int) *threads {
	t := &threads{left: make(map[string]int)}
	for _, c := range components {
		t.left[c]++
	}
	t.behind = t.left[""] > 0
	delete(t.left, "")
	most := maxThreads
	if width > 0 {
		most = min(most, max((width+1)/2-1, 1))
	}
	t.shared = len(t.left) > most
	t.places = make([]string, min(len(t.left), most))
	if t.shared {
		t.behind = true
	}
	return t
}

// width is how many columns the threads take.
func (t *threads) width() int {
	n := len(t.places)
	if t.behind {
		n++
	}
	return max(2*n-1, 0)
}

// draw draws one entry: its component's place, and the threads that pass by.
func (t *threads) draw(component string) string {
	own := t.place(component)
	t.left[component]--
	var cells []string
	for i, name := range t.places {
		switch {
		case i == own:
			cells = append(cells, "●")
		case name != "" && t.left[name] > 0:
			cells = append(cells, "│")
		default:
			cells = append(cells, " ")
		}
	}
	if t.behind {
		cells = append(cells, map[bool]string{true: "○", false: " "}[own < 0])
	}
	return strings.Join(cells, " ")
}

// place is the place of a component, -1 for none.
func (t *threads) place(component string) int {
	if component == "" {
		return -1
	}
	own := slices.Index(t.places, component)
	if own < 0 {
		own = slices.Index(t.places, "")
	}
	if own < 0 && t.shared {
		own = slices.IndexFunc(t.places, func(c string) bool { return t.left[c] == 0 })
	}
	if own >= 0 {
		t.places[own] = component
	}
	return own
}
