package cli

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/fatih/color"

	"github.com/VaultSovereign/git-vaultmesh/internal/index"
)

type timelineCmd struct {
	selection
	fetching
}

// happening is one receipt on the timeline.
type happening struct {
	ID        string `json:"id"`
	At        string `json:"at"`
	Kind      string `json:"kind"`
	Component string `json:"component,omitempty"`
	Version   string `json:"version,omitempty"`
	What      string `json:"what,omitempty"`

	at time.Time
}

// day is what happened on one local day.
type day struct {
	Day     string      `json:"day"`
	Entries []happening `json:"entries"`
}

// Run draws what happened, day by day, with a thread for each component.
func (c *timelineCmd) Run(a *app) error {
	from, q, err := c.begin(a, c.fetching, "")
	if err != nil {
		return err
	}
	if err := a.page(c.paging); err != nil {
		return err
	}
	var all []happening
	here := a.env.Now().Location()
	err = a.search(from, q, c.selection, func(r *index.Row) error {
		at := r.Doc.At.Time()
		all = append(all, happening{
			ID: r.Doc.ID.String(), At: at.Format(time.RFC3339), Kind: string(r.Doc.Kind), Component: r.Doc.Component, Version: r.Doc.Version, What: r.Gist,
			at: at.In(here),
		})
		return nil
	})
	if a.out.structured() {
		return cmp.Or(a.printDays(days(all)), err)
	}
	if err == nil {
		a.drawDays(days(all))
	}
	return err
}

// days groups what is in order already.
func days(all []happening) []day {
	var list []day
	for _, h := range all {
		name := h.at.Format(time.DateOnly)
		if len(list) == 0 || list[len(list)-1].Day != name {
			list = append(list, day{Day: name})
		}
		last := &list[len(list)-1]
		last.Entries = append(last.Entries, h)
	}
	return list
}

func (a *app) printDays(all []day) error {
	list := a.out.list()
	for _, d := range all {
		if err := list.add(d); err != nil {
			return err
		}
	}
	return list.end()
}

// leastWords is how many columns of a terminal are kept for the words of a row.
const leastWords = 24

func (a *app) drawDays(all []day) {
	var components []string
	for _, d := range all {
		for _, h := range d.Entries {
			components = append(components, h.Component)
		}
	}
	const beside = 2 + 5 + 2 + 2 + 10 + 2 // columns that are neither threads nor words
	threads := newThreads(components, a.out.room(beside+leastWords))
	for _, d := range all {
		if a.out.failed != nil {
			return // nobody looks any more
		}
		a.out.line("%s", styled{d.Day + d.Entries[0].at.Format(" Monday"), color.Bold})
		for _, h := range d.Entries {
			words := strings.Join(slices.DeleteFunc([]string{h.Kind, h.Component, h.Version}, func(s string) bool { return s == "" }), " ")
			if h.What != "" && h.What != h.Component {
				words += "  " + h.What
			}
			a.out.line("  %s  %s  %s  %s", h.at.Format("15:04"), threads.draw(h.Component), styled{h.ID[:10], color.FgYellow}, a.out.cut(words, beside+threads.width()))
		}
	}
}
