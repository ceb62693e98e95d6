package smarttree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"smarttree.example/smarttree/internal/eventstream"
)

// follower keeps a connection to /events, and hands on batches. It is used by one goroutine.
type follower struct {
	client *Client
	query  func() url.Values // for the next connection
	handle func(context.Context, eventstream.Batch) error
	gather func() gatherer // for each connection

	clock     string        // to resume from
	retry     time.Duration // what the server said last
	fruitless int           // attempts in a row that brought no byte of a stream
	wrong     int           // trees in a row that had to be given up
}

// gatherer makes batches of frames.
type gatherer interface {
	Add(eventstream.Frame) (batch eventstream.Batch, done bool, err error)
}

// follow makes a follower that hands on whole batches.
func (c *Client) follow(query func() url.Values, handle func(context.Context, eventstream.Batch) error) follower {
	gather := func() gatherer { return &eventstream.Gatherer{MaxBatchBytes: c.settings.maxBatchBytes} }
	return follower{client: c, query: query, handle: handle, gather: gather, retry: eventstream.DefaultRetry}
}

// final is an error after which no other attempt is made.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// delayed is an answer that says when to come back.
type delayed struct {
	error
	after time.Duration
}

func (d delayed) Unwrap() error { return d.error }

var errEnded = errors.New("the server has ended the stream")

// run ends with the context, or for good.
func (f *follower) run(ctx context.Context) error {
	for {
		err := f.connection(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var end final
		if errors.As(err, &end) {
			return end.error
		}
		f.client.settings.onLost(err)
		if !sleep(ctx, f.delay(err)) {
			return context.Cause(ctx)
		}
	}
}

func (f *follower) delay(lost error) time.Duration {
	fruitless := max(f.fruitless, f.wrong-1)
	delay := eventstream.Delay(f.retry, fruitless, f.client.settings.retryMax, rand.Float64())
	var told delayed
	if errors.As(lost, &told) {
		delay = max(delay, told.after)
	}
	return delay
}

// sleep is false where the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// connection is one connection, from its request to its end. Its error says why it ended.
func (f *follower) connection(ctx context.Context) error {
	f.fruitless++
	silence := f.client.settings.silence
	whole := ctx // a batch that has come is handed on also when the connection ends meanwhile
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing came for %v", silence)) })
	defer watch.Stop()

	response, err := f.open(ctx)
	if err != nil {
		return because(ctx, err)
	}
	defer response.Body.Close()
	if err := refusal(response); err != nil {
		return err
	}
	watch.Stop()
	take := func(batch eventstream.Batch) error { return f.handle(whole, batch) }
	return because(ctx, f.read(response.Body, watch, take))
}

// because is the cause that a connection's context ended with, if it did, in the place of what came of that.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) {
		return cause
	}
	return err
}

func (f *follower) open(ctx context.Context) (*http.Response, error) {
	query := f.query()
	if f.clock != "" {
		query.Del("since")
	}
	request, err := f.client.request(ctx, http.MethodGet, "/events", query)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("Cache-Control", "no-cache")
	if f.clock != "" {
		request.Header.Set("Last-Event-ID", f.clock)
	}
	return f.client.http.Do(request)
}

// refusal says why an answer is no stream, if it is none.
func refusal(response *http.Response) error {
	status := response.StatusCode
	if status == http.StatusOK {
		kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
		if !strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
			return final{ErrNotAStream}
		}
		return nil
	}
	problem := problemOf(response)
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests,
		status >= http.StatusInternalServerError:
		return delayed{problem, retryAfter(response.Header.Get("Retry-After"))}
	}
	return final{problem}
}

// retryAfter is how long a server wants to be left alone; nothing where it does not say so in seconds.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.ParseUint(header, 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(min(seconds, math.MaxInt64/uint64(time.Second))) * time.Second
}

const readBytes = 64 << 10

// read reads the stream to its end. Time counts as silence while the server is waited for, and not while a batch is
// being taken.
func (f *follower) read(body io.Reader, watch *time.Timer, hand func(eventstream.Batch) error) error {
	settings := &f.client.settings
	parser := eventstream.Parser{MaxEventBytes: settings.maxEventBytes}
	gatherer := f.gather()
	take := func(frame eventstream.Frame) error {
		batch, done, err := gatherer.Add(frame)
		if err != nil || !done {
			return err
		}
		if err := hand(batch); err != nil {
			return err
		}
		f.clock = batch.Clock
		return nil
	}
	buffer := make([]byte, readBytes)
	for {
		watch.Reset(settings.silence)
		n, err := body.Read(buffer)
		watch.Stop()
		if n > 0 {
			f.fruitless = 0
			fed := parser.Feed(buffer[:n], take)
			if ms, told := parser.Retry(); told {
				f.retry = time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
			}
			if errors.Is(fed, eventstream.ErrTooLarge) {
				return final{ErrTooLarge}
			}
			if fed != nil {
				return fed
			}
		}
		if err == io.EOF {
			return errEnded
		}
		if err != nil {
			return err
		}
	}
}
