package gitrepo

import (
	"io"
	"os"
)

// disk is the part of the file system that a write goes through. There is one;
// tests have others, on which every step fails once.
type disk interface {
	mkdirTemp(parent, prefix string) (string, error)
	mkdir(dir string) error
	create(path string) (diskFile, error) // new, and for reading only once it is closed
	rename(from, to string) error
	link(from, to string) error
	removeAll(path string) error
}

// diskFile is a file while it is written.
type diskFile interface {
	io.WriteCloser
	Sync() error
}

// osDisk is the disk.
type osDisk struct{}

func (osDisk) mkdirTemp(parent, prefix string) (string, error) { return os.MkdirTemp(parent, prefix) }
func (osDisk) mkdir(dir string) error                          { return os.Mkdir(dir, 0o777) }
func (osDisk) rename(from, to string) error                    { return os.Rename(from, to) }
func (osDisk) link(from, to string) error                      { return os.Link(from, to) }
func (osDisk) removeAll(path string) error                     { return os.RemoveAll(path) }

func (osDisk) create(path string) (diskFile, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
}
