package note

import (
	"errors"
	"strings"
	"testing"
)

func TestCreateIsRead(t *testing.T) {
	notes := New(NewMemory())
	made, err := notes.Create(t.Context(), "buy milk")
	if err != nil {
		t.Fatal(err)
	}
	got, err := notes.Get(t.Context(), made.ID)
	if err != nil || got != made {
		t.Errorf("got %v, %v; want %v", got, err, made)
	}
}

func TestListHasNewestFirst(t *testing.T) {
	notes := New(NewMemory())
	for _, text := range []string{"one", "two", "three"} {
		if _, err := notes.Create(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	got, err := notes.List(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Text != "three" || got[1].Text != "two" {
		t.Errorf("got %v", got)
	}
}

func TestListIsBounded(t *testing.T) {
	notes := New(NewMemory())
	for range MaxList + 1 {
		if _, err := notes.Create(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int]int{-1: 1, 0: 1, 7: 7, 1 << 30: MaxList} {
		if got, err := notes.List(t.Context(), limit); err != nil || len(got) != want {
			t.Errorf("limit %d: %d notes, %v; want %d", limit, len(got), err, want)
		}
	}
}

func TestInvalidText(t *testing.T) {
	notes := New(NewMemory())
	for _, text := range []string{"", strings.Repeat("x", MaxText+1), "\xff", "a\x00b"} {
		if _, err := notes.Create(t.Context(), text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	if got, _ := notes.List(t.Context(), MaxList); len(got) != 0 {
		t.Errorf("kept %v", got)
	}
}

func TestUnknownID(t *testing.T) {
	notes := New(NewMemory())
	for _, id := range []string{"none", "", "../etc", strings.Repeat("x", 65)} {
		if _, err := notes.Get(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}
