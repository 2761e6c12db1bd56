package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"text/template"
)

var someAxes = []axis{{"mcp", []string{"", "on"}}, {"mq", []string{"", "nats", "rabbitmq"}}, {"otel", []string{"", "on"}}}

// holdsFor evaluates a condition as a template does.
func holdsFor(t *testing.T, condition string, combo map[string]string) bool {
	t.Helper()
	text := "yes"
	if condition != "" {
		text = "{{if " + bare(condition) + "}}yes{{end}}"
	}
	parsed, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, map[string]any{"with": combo}); err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	return out.String() == "yes"
}

func TestConditionsHoldWhereTheyShall(t *testing.T) {
	combos := combinations(someAxes)
	if len(combos) != 12 || combos[0]["mq"] != "" || combos[0]["mcp"] != "" {
		t.Fatalf("combinations: %v", combos)
	}
	c := newConditions(someAxes, combos)
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		want := make(set)
		for len(want) == 0 {
			for i := range combos {
				if random.IntN(2) == 0 {
					want[i] = true
				}
			}
		}
		condition := c.of(want)
		for i, combo := range combos {
			if holdsFor(t, condition, combo) != want[i] {
				t.Fatalf("%q for %v: it holds with %v: %v", condition, want, combo, !want[i])
			}
		}
	}
}

func TestConditionsAreShort(t *testing.T) {
	combos := combinations(someAxes)
	c := newConditions(someAxes, combos)
	for want, where := range map[string]func(map[string]string) bool{
		"":                              func(map[string]string) bool { return true },
		".with.mq":                      func(m map[string]string) bool { return m["mq"] != "" },
		`(eq .with.mq "nats")`:          func(m map[string]string) bool { return m["mq"] == "nats" },
		"(not .with.otel)":              func(m map[string]string) bool { return m["otel"] == "" },
		"(or .with.mcp .with.otel)":     func(m map[string]string) bool { return m["mcp"] != "" || m["otel"] != "" },
		"(and .with.mcp .with.otel)":    func(m map[string]string) bool { return m["mcp"] != "" && m["otel"] != "" },
		`(ne .with.mq "rabbitmq")`:      func(m map[string]string) bool { return m["mq"] != "rabbitmq" },
		"(or (not .with.mq) .with.mcp)": func(m map[string]string) bool { return m["mq"] == "" || m["mcp"] != "" },
	} {
		wanted := make(set)
		for i, combo := range combos {
			if where(combo) {
				wanted[i] = true
			}
		}
		if got := c.of(wanted); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
