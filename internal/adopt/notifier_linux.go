package adopt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// heard holds the events that can mean changed files: a secret mount renames its link, other
// tools write or rename files.
const heard = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CREATE | unix.IN_DELETE |
	unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// notifier tells when something has changed in some directories. It does not trust the events:
// they only say when to look.
type notifier struct {
	folders map[string][]string // see watched
	fd      int
	file    *os.File
	events  chan struct{} // holds one: many changes are one reason to look

	mu    sync.Mutex
	names map[int32][]string // relevant names, by the number of the watch; nil for all
}

func newNotifier(folders map[string][]string) (*notifier, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watching for changes: %w", err)
	}
	n := &notifier{folders: folders, fd: fd, file: os.NewFile(uintptr(fd), "inotify"), events: make(chan struct{}, 1), names: make(map[int32][]string)}
	go n.listen()
	return n, nil
}

// arm watches the directories as they are now. It skips a missing directory until the next
// call.
func (n *notifier) arm() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for folder, names := range n.folders {
		if number, err := unix.InotifyAddWatch(n.fd, folder, heard); err == nil {
			n.names[int32(number)] = names
		}
	}
}

// listen signals events until the notifier is closed.
func (n *notifier) listen() {
	buffer := make([]byte, 64<<10)
	for {
		read, err := n.file.Read(buffer)
		if err != nil {
			return
		}
		if !n.matters(buffer[:read]) {
			continue
		}
		select {
		case n.events <- struct{}{}:
		default: // a signal is waiting already
		}
	}
}

// matters reports whether one of some events, as inotify(7) lays them out, is about a relevant
// name, or about a directory itself.
func (n *notifier) matters(events []byte) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(events) >= unix.SizeofInotifyEvent {
		number := int32(binary.NativeEndian.Uint32(events))
		end := min(unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(events[12:])), len(events))
		name, _, _ := bytes.Cut(events[unix.SizeofInotifyEvent:end], []byte{0})
		if len(name) == 0 || isWatched(n.names[number], string(name)) {
			return true
		}
		events = events[end:]
	}
	return false
}

func (n *notifier) close() { n.file.Close() }
