// What every call of the Go client shares: credentials, keys, retries, problems and pages.
package coinlane

import (
	"bytes"
	"context"
	"crypto/hmac"
	cryptorand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Options say where an installation is, and who calls it.
type Options struct {
	// Such as https://coins.example.
	URL string
	// Of a platform: sk_<tenant>_...
	SecretKey string
	// Of a user: gives the access token. refused is true when the last one was not accepted: refresh it then.
	AccessToken func(ctx context.Context, refused bool) (string, error)
	// The tenant's slug, for calls without a credential: register, login, forgotten password.
	Tenant string
	// How long one attempt may take, beside a wait that was asked for; 30 seconds.
	Timeout time.Duration
	// Attempts in all; 4.
	AttemptsMax int
	// Its redirects are not followed.
	HTTPClient *http.Client
}

// Error is whatever went wrong: a problem of the API (RFC 9457), or no answer at all, whose Status is 0. Decide by Code.
type Error struct {
	Code       string
	Status     int
	Title      string
	Detail     string
	RequestID  string
	RetryAfter time.Duration
	Errors     []ProblemError
	cause      error
}

func (e *Error) Error() string { return e.Code + ": " + e.Detail }
func (e *Error) Unwrap() error { return e.cause }

// CodeOf is the code of an Error, and empty for any other error.
func CodeOf(err error) string {
	var problem *Error
	if errors.As(err, &problem) {
		return problem.Code
	}
	return ""
}

type settings struct {
	key     string
	wait    int
	timeout time.Duration
}

// Option changes how one call is made.
type Option func(*settings)

// IdempotencyKey names the intent: the same key never acts twice. Without it a new one is kept through all retries.
func IdempotencyKey(key string) Option { return func(s *settings) { s.key = key } }

// Wait lets the answer wait for the outcome, at most 10 seconds. A refusal is then an Error.
func Wait(seconds int) Option { return func(s *settings) { s.wait = seconds } }

// Timeout is how long one attempt may take, beside a wait.
func Timeout(most time.Duration) Option { return func(s *settings) { s.timeout = most } }

// Ptr points to a value, for fields that may be left out.
func Ptr[T any](value T) *T { return &value }

// Maybe is a value or null, for fields of an input that may also be left out: nil leaves them out.
type Maybe[T any] struct{ Value *T }

func (m Maybe[T]) MarshalJSON() ([]byte, error)     { return json.Marshal(m.Value) }
func (m *Maybe[T]) UnmarshalJSON(text []byte) error { return json.Unmarshal(text, &m.Value) }

// Page is one page of a list.
type Page[T any] struct {
	Data       []T     `json:"data"`
	HasMore    bool    `json:"hasMore"`
	NextCursor *string `json:"nextCursor"`
}

// Pages goes through a list to its end: for pages.Next(ctx) { pages.Value() }, then pages.Err().
type Pages[T any] struct {
	read  func(ctx context.Context, cursor string) (*Page[T], error)
	page  *Page[T]
	at    int
	fault error
}

// Page reads one page alone; the first one has no cursor.
func (p *Pages[T]) Page(ctx context.Context, cursor string) (*Page[T], error) {
	return p.read(ctx, cursor)
}

func (p *Pages[T]) Next(ctx context.Context) bool {
	for p.at++; p.page == nil || p.at >= len(p.page.Data); p.at = 0 {
		cursor := ""
		if p.page != nil {
			if p.page.NextCursor == nil {
				return false
			}
			cursor = *p.page.NextCursor
		}
		if p.page, p.fault = p.read(ctx, cursor); p.fault != nil {
			p.page = &Page[T]{}
			return false
		}
		if len(p.page.Data) > 0 {
			p.at = 0
			return true
		}
	}
	return true
}

func (p *Pages[T]) Value() T   { return p.page.Data[p.at] }
func (p *Pages[T]) Err() error { return p.fault }

type call struct {
	method, path string
	body, query  any
	keyed        bool
	credential   string
}

const (
	pause         = 250 * time.Millisecond
	pauseMax      = 8 * time.Second
	retryAfterMax = 30 * time.Second
)

type wire struct{ options Options }

func newWire(options Options) *wire {
	options.URL = strings.TrimRight(options.URL, "/")
	if options.Timeout == 0 {
		options.Timeout = 30 * time.Second
	}
	if options.AttemptsMax == 0 {
		options.AttemptsMax = 4
	}
	client := http.Client{}
	if options.HTTPClient != nil {
		client = *options.HTTPClient
	}
	// A credential goes where it was meant to go, and nowhere that an answer points to.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	options.HTTPClient = &client
	return &wire{options}
}

// send puts a call on the wire, and tries again where that cannot do anything twice.
func (w *wire) send(ctx context.Context, c call, given []Option, into any) error {
	s := settings{timeout: w.options.Timeout}
	for _, option := range given {
		option(&s)
	}
	if !c.keyed {
		s.key = ""
	} else if s.key == "" {
		s.key = newKey()
	}
	var body []byte
	if c.body != nil {
		var err error
		if body, err = json.Marshal(c.body); err != nil {
			return err
		}
	}
	harmless := c.keyed || c.method == "GET" || c.method == "PUT" || c.method == "DELETE"
	refused := false
	for attempt := 1; ; attempt++ {
		err := w.attempt(ctx, c, s, body, refused, into)
		var problem *Error
		if !errors.As(err, &problem) {
			return err
		}
		if problem.Code == "unauthenticated" && w.options.AccessToken != nil && !refused && c.credential != "none" {
			refused = true
			attempt--
			continue
		}
		passing := problem.Status == 0 || problem.Status == 502 || problem.Status == 503 || problem.Status == 504
		// Too many requests: refused before anything was done, so even a call without a key may come again.
		again := problem.Status == 429 || (harmless && passing)
		if !again || attempt >= w.options.AttemptsMax || problem.RetryAfter > retryAfterMax {
			return err
		}
		most := math.Min(float64(pauseMax), float64(pause)*math.Pow(2, float64(attempt-1)))
		if err := sleep(ctx, problem.RetryAfter+time.Duration(rand.Float64()*most)); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, long time.Duration) error {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
