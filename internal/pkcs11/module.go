package pkcs11

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How long the other side may take: to begin, and for a call; to make a key, since a smart card
// needs minutes for a long one; for a person to type at a PIN pad; and to end. A terminal sends
// Ctrl-C to both processes: signalTimeout is how much earlier the other one may have ended.
const (
	callTimeout     = time.Minute
	generateTimeout = 10 * time.Minute
	padTimeout      = 2 * time.Minute
	endTimeout      = 2 * time.Second
	signalTimeout   = 200 * time.Millisecond
)

// handshake is the argument of C_Initialize by which p11-kit recognizes its own clients.
const handshake = "PRIVATE-GNOME-KEYRING-PKCS11-PROTOCOL-V-1"

// module is a module in a process of its own, and the connection with it.
type module struct {
	mu     sync.Mutex // one call at a time
	in     io.WriteCloser
	out    io.ReadCloser
	cmd    *exec.Cmd
	serial uint32
	secret []byte // removed from the process's messages

	said   tail
	late   atomic.Bool // a call has taken too long
	ended  sync.Once
	forget func() bool // stops watching the context
	ctx    func() error
	done   <-chan struct{} // of the context
}

// start runs a command that speaks the protocol. The process is killed when ctx ends.
func start(ctx context.Context, argv []string) (*module, error) {
	m := &module{cmd: exec.Command(argv[0], argv[1:]...), ctx: ctx.Err, done: ctx.Done()}
	m.cmd.Stderr, m.cmd.WaitDelay = &m.said, endTimeout
	var err error
	if m.in, err = m.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if m.out, err = m.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := m.cmd.Start(); err != nil {
		return nil, err
	}
	m.forget = context.AfterFunc(ctx, m.kill)
	if err := m.greet(); err != nil {
		err = m.why(err)
		m.end()
		return nil, err
	}
	return m, nil
}

// greet exchanges versions and initializes the module.
func (m *module) greet() error {
	defer m.watch(callTimeout)()
	if _, err := m.in.Write([]byte{0}); err != nil {
		return err
	}
	var version [1]byte
	if _, err := io.ReadFull(m.out, version[:]); err != nil {
		return err
	}
	if version[0] != 0 {
		return fmt.Errorf("%w: it answers with version %d", errMalformed, version[0])
	}
	_, err := m.call(callInitialize, new(writer).bytesArg([]byte(handshake)).byteArg(0).bytesArg([]byte{0}))
	return err
}

// watch kills the process unless the returned function is called in time.
func (m *module) watch(limit time.Duration) (done func()) {
	timer := time.AfterFunc(limit, func() {
		m.late.Store(true)
		m.kill()
	})
	return func() { timer.Stop() }
}

// kill ends the process. It closes the pipes too: a child of the process may keep them open.
func (m *module) kill() {
	m.cmd.Process.Kill()
	m.in.Close()
	m.out.Close()
}

// close finalizes the module and waits for its process.
func (m *module) close() {
	m.callWithin(endTimeout, callFinalize, new(writer))
	m.end()
}

// end waits for the process to end, and kills it if it stays. After that all its output is
// here.
func (m *module) end() {
	m.ended.Do(func() {
		m.forget()
		m.in.Close()
		timer := time.AfterFunc(endTimeout, m.kill)
		m.cmd.Wait()
		timer.Stop()
	})
}

// call makes one call and returns the body of its reply.
func (m *module) call(id uint32, args *writer) (*reader, error) {
	return m.callWithin(callTimeout, id, args)
}

func (m *module) callWithin(limit time.Duration, id uint32, args *writer) (*reader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.watch(limit)()
	m.serial++
	body := new(writer).put32(id).putBytes(args.types)
	body.data = append(body.data, args.data...)
	frame := new(writer).put32(m.serial).put32(0).put32(uint32(len(body.data)))
	if _, err := m.in.Write(append(frame.data, body.data...)); err != nil {
		return nil, m.why(err)
	}
	reply, err := readReply(m.out, m.serial)
	if err != nil {
		return nil, m.why(err)
	}
	r, err := openReply(reply, id)
	if err != nil {
		return nil, m.why(err)
	}
	return r, nil
}

// readReply reads the frame that belongs to a call.
func readReply(from io.Reader, serial uint32) ([]byte, error) {
	var head [12]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return nil, err
	}
	got, options, body := binary.BigEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[4:]), binary.BigEndian.Uint32(head[8:])
	if got != serial || options > maxOptions || body > maxBody {
		return nil, errMalformed
	}
	data := make([]byte, options+body)
	if _, err := io.ReadFull(from, data); err != nil {
		return nil, err
	}
	return data[options:], nil
}

// openReply returns the results of a reply, or the error that the module returns.
func openReply(reply []byte, id uint32) (*reader, error) {
	r := &reader{data: reply}
	got := r.u32()
	r.bytes() // the types of the results, which the call implies
	switch {
	case r.err == nil && got == callError:
		code := r.u64()
		if r.err == nil && code != 0 {
			return nil, returned(code)
		}
		return nil, errMalformed
	case r.err != nil || got != id:
		return nil, errMalformed
	}
	return r, nil
}

// errEnded is the error if the process has ended, or closed its end of the connection.
var errEnded = errors.New("the program ended")

// why returns why the connection has broken: the context, a time-out, or a message of the
// process.
func (m *module) why(err error) error {
	var code returned
	switch {
	case m.ctx() != nil:
		return m.ctx()
	case m.late.Load():
		return errors.New("no response in time")
	case errors.As(err, &code), errors.Is(err, errEnded):
		return err
	case errors.Is(err, errMalformed):
		m.kill() // nothing that comes after it can be trusted
		return err
	}
	m.end()
	select {
	case <-m.done:
		return m.ctx()
	case <-time.After(signalTimeout):
	}
	if line := m.said.last(m.secret); line != "" {
		return fmt.Errorf("%w: %s", errEnded, line)
	}
	return errEnded
}

// tail keeps the end of the bytes written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

// tailSize is how much a tail keeps, in bytes.
const tailSize = 4096

func (t *tail) Write(data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, data...)
	if over := len(t.data) - tailSize; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(data), nil
}

// last returns the last line, without a secret that may be in it.
func (t *tail) last(secret []byte) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	data := bytes.TrimSpace(t.data)
	if len(secret) > 0 {
		data = bytes.ReplaceAll(data, secret, []byte("***"))
	}
	line := data[bytes.LastIndexByte(data, '\n')+1:]
	return strings.ToValidUTF8(string(line), "?")
}

// commandFor returns the command that serves the module of a URI.
func commandFor(u *URI) []string {
	if u.Command != "" {
		return []string{"sh", "-c", u.Command}
	}
	return []string{"p11-kit", "remote", "-v", cmp.Or(u.ModulePath, u.tokenURI())}
}
