package note

import (
	"context"
	"slices"
	"sync"
)

// Memory is a Store that forgets when the process ends.
type Memory struct {
	mu    sync.RWMutex
	byID  map[string]Note
	order []string
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{byID: map[string]Note{}}
}

// Add keeps a note unless there is one with its id.
func (m *Memory) Add(_ context.Context, n Note) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.byID[n.ID]; ok {
		return false, nil
	}
	m.byID[n.ID] = n
	m.order = append(m.order, n.ID)
	return true, nil
}

// Get returns the note with this id, or ErrNotFound.
func (m *Memory) Get(_ context.Context, id string) (Note, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	n, ok := m.byID[id]
	if !ok {
		return Note{}, ErrNotFound
	}
	return n, nil
}

// List returns the newest notes first, limit at most.
func (m *Memory) List(_ context.Context, limit int) ([]Note, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	notes := make([]Note, 0, min(limit, len(m.order)))
	for _, id := range slices.Backward(m.order) {
		if len(notes) == limit {
			break
		}
		notes = append(notes, m.byID[id])
	}
	return notes, nil
}
