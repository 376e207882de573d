package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Sizes of responses, in bytes: of JSON and of certificates, and of a CRL. A list of half a
// million entries takes some 30 MiB.
const (
	MaxJSON = 1 << 20
	MaxCRL  = 64 << 20
)

// Call is one request, which each attempt repeats.
type Call struct {
	Method string
	// Path is appended to the client's address, and begins with a slash. A whole address (http
	// or https) replaces the client's.
	Path   string
	Header http.Header
	// Body returns the value to send as JSON; nil sends nothing. Each attempt calls it, because
	// a token that was sent once may be used up.
	Body func() (any, error)
	// Limit is how long the response may be, in bytes; zero is MaxJSON.
	Limit int64
	// Once prevents a second attempt.
	Once bool
}

// Do makes a call and returns the body of its response. It tries again after an error of the
// network, a status that says "later" (429, 5xx), or an incomplete response. A status other
// than 2xx is a [StatusError].
func (c *Client) Do(ctx context.Context, call Call) ([]byte, error) {
	attempts := c.o.Attempts
	if call.Once {
		attempts = 1
	}
	for n := 1; ; n++ {
		body, err := c.attempt(ctx, call)
		if err == nil || n >= attempts || ctx.Err() != nil || !isPassing(err) {
			return body, err
		}
		if err := c.o.Sleep(ctx, pause(n, err)); err != nil {
			return nil, err
		}
	}
}

// JSON makes a call and decodes its response.
func (c *Client) JSON(ctx context.Context, call Call, into any) error {
	body, err := c.Do(ctx, call)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the response to %s is not the JSON that is expected: %w", call.Path, err)
	}
	return nil
}

// attempt makes one request.
func (c *Client) attempt(ctx context.Context, call Call) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	request, err := c.request(ctx, call)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.wordFailure(ctx, err)
	}
	defer response.Body.Close()
	limit := call.Limit
	if limit == 0 {
		limit = MaxJSON
	}
	if response.StatusCode/100 != 2 {
		return nil, statusError(response, call.Path, sent(request))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err == nil {
		err = ctx.Err() // the end may be the server's reaction to the connection being closed
	}
	switch {
	case err != nil:
		return nil, &broken{fmt.Errorf("the response to %s ended early: %w", call.Path, c.wordFailure(ctx, err))}
	case int64(len(body)) > limit:
		return nil, fmt.Errorf("the response to %s is longer than %d bytes", call.Path, limit)
	}
	return body, nil
}

func (c *Client) request(ctx context.Context, call Call) (*http.Request, error) {
	var body io.Reader
	if call.Body != nil {
		value, err := call.Body()
		if err != nil {
			return nil, err
		}
		data, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	address := c.o.URL + call.Path
	if strings.HasPrefix(call.Path, "http") {
		address = call.Path
	}
	request, err := http.NewRequestWithContext(ctx, call.Method, address, body)
	if err != nil {
		return nil, err
	}
	for name, values := range call.Header {
		request.Header[name] = values
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("User-Agent", "virtpki")
	return request, nil
}

// wordFailure says why a request got no response. It leaves out the method and the address that
// net/http puts first: the caller adds them.
func (c *Client) wordFailure(ctx context.Context, err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &broken{fmt.Errorf("no response within %v", c.o.Timeout)}
	}
	if isUntrusted(err) {
		return err
	}
	return &broken{err}
}

// StatusError is a response with a status other than 2xx.
type StatusError struct {
	Code  int
	Path  string
	Text  string // the server's text, shortened; it may hold anything
	after time.Duration
}

func (e *StatusError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("it responds %d to %s", e.Code, e.Path)
	}
	return fmt.Sprintf("it responds %d to %s: %q", e.Code, e.Path, e.Text)
}

// Status returns the status of a [StatusError] in err; zero for another error.
func Status(err error) int {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code
	}
	return 0
}

// maxErrorText is how many bytes of a server's error text are read, and maxSaid how many are
// shown.
const (
	maxErrorText = 64 << 10
	maxSaid      = 300
)

// statusError reads the text of an error: of step-ca {"message": ...}, of Vault {"errors":
// [...]}. It ignores other JSON and HTML, which do not help people, and hides the words that were
// sent.
func statusError(response *http.Response, path string, sent []byte) *StatusError {
	e := &StatusError{Code: response.StatusCode, Path: path, after: retryAfter(response.Header)}
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxErrorText))
	var said struct {
		Message string   `json:"message"`
		Errors  []string `json:"errors"`
	}
	switch kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); {
	case json.Unmarshal(body, &said) == nil:
		e.Text = strings.Join(append(said.Errors, said.Message), " ")
	case kind == "text/plain":
		e.Text = string(body)
	}
	e.Text = hide(strings.Join(strings.Fields(e.Text), " "), sent)
	if len(e.Text) > maxSaid {
		e.Text = strings.ToValidUTF8(e.Text[:maxSaid], "") + "..."
	}
	return e
}

// sent returns the contents of a request that may be secret: its header and its body.
func sent(request *http.Request) []byte {
	var b bytes.Buffer
	request.Header.Write(&b)
	if request.GetBody != nil {
		if body, err := request.GetBody(); err == nil {
			b.ReadFrom(body)
		}
	}
	return b.Bytes()
}

// leastSecret is how long a word is that may be secret, in bytes.
const leastSecret = 12

// hide removes the words that were sent from a text: a server that returns the request in its
// error must not bring a token into a log.
func hide(text string, sent []byte) string {
	for _, word := range strings.FieldsFunc(string(sent), endsWord) {
		if len(word) >= leastSecret {
			text = strings.ReplaceAll(text, word, "***")
		}
	}
	return text
}

// endsWord reports whether a character is in no token, password or identifier.
func endsWord(r rune) bool {
	return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("._~+/=-", r)
}
