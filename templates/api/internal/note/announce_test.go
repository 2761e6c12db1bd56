package note

import (
	"context"
	"errors"
	"testing"
)

func TestNewNotesAreAnnouncedOnce(t *testing.T) {
	notes := New(NewMemory())
	var announced []string
	notes.AnnounceBy(func(_ context.Context, n Note) error {
		announced = append(announced, n.ID)
		return nil
	}, func(n Note, err error) { t.Errorf("missed %s: %v", n.ID, err) })
	for range 2 {
		if err := notes.Import(t.Context(), "id-1", "text"); err != nil {
			t.Fatal(err)
		}
	}
	if len(announced) != 1 || announced[0] != "id-1" {
		t.Errorf("announced %q", announced)
	}
}

func TestMissedAnnouncementKeepsTheNote(t *testing.T) {
	notes := New(NewMemory())
	broken := errors.New("the queue is away")
	var missed error
	notes.AnnounceBy(func(context.Context, Note) error { return broken }, func(_ Note, err error) { missed = err })
	made, err := notes.Create(t.Context(), "text")
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(missed, broken) {
		t.Errorf("missed %v", missed)
	}
	if _, err := notes.Get(t.Context(), made.ID); err != nil {
		t.Error(err)
	}
}

func TestImportTwice(t *testing.T) {
	notes := New(NewMemory())
	for _, text := range []string{"first", "second"} {
		if err := notes.Import(t.Context(), "id-1", text); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := notes.Get(t.Context(), "id-1"); err != nil || got.Text != "first" {
		t.Errorf("got %v, %v", got, err)
	}
	if err := notes.Import(t.Context(), "id 1", "text"); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}
