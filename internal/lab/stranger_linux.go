package lab

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Someone is the number of a user who is neither root nor the user that runs the tests.
const Someone = 12345

// As runs act as another user for the file system: act opens, makes and removes files as that
// user, with none of root's rights. Other goroutines stay who they are.
func As(uid int, act func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		unix.Setfsgid(uid)
		unix.Setfsuid(uid)
		act()
	}()
	<-done
}

// Spin repeats act as another user, as fast as the machine can, until the caller calls the
// returned function.
func Spin(t *testing.T, uid int, act func()) (stop func()) {
	t.Helper()
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		As(uid, func() {
			for {
				select {
				case <-quit:
					return
				default:
					act()
				}
			}
		})
	}()
	return func() {
		close(quit)
		<-ended
	}
}
