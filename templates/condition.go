package templates

import (
	"slices"
	"strings"
)

// condition is what a [[when]] asks: that an option or a boolean is on, or has a value.
type condition struct {
	not   bool
	name  string
	value string // "" for on
}

// parseCondition reads mq, mq=rabbitmq, license=MIT, and each of them behind an exclamation mark.
func (m *manifest) parseCondition(text string) (condition, error) {
	c := condition{}
	rest, not := strings.CutPrefix(text, "!")
	c.not = not
	name, value, valued := strings.Cut(rest, "=")
	c.name, c.value = name, value
	if valued && value == "" {
		return c, bad("the condition %.80q compares with nothing", text)
	}
	for _, o := range m.Options {
		if o.Name == name && (!valued || slices.Contains(o.Choices, value)) {
			return c, nil
		}
	}
	for _, q := range m.Questions {
		switch {
		case q.Name != name:
		case !valued && q.Type == TypeBoolean, valued && q.Type == TypeChoice && slices.Contains(q.Choices, value):
			return c, nil
		}
	}
	return c, bad("the condition %.80q is about no option, boolean or choice that the template has", text)
}

// holds judges a condition by the answers and options as a receipt has them.
func (c condition) holds(answers map[string]string) bool {
	value, on := answers["with."+c.name]
	if !on {
		value, on = answers[c.name]
		on = on && value != "false"
	}
	return (on && (c.value == "" || value == c.value)) != c.not
}
