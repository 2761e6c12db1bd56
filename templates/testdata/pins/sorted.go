package main

import (
	"iter"
	"maps"
	"slices"
)

func keys[V any](m map[string]V) iter.Seq[string] {
	return maps.Keys(m)
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
