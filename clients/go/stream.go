package smarttree

import (
	"context"
	"encoding/json"
	"errors"

	"smarttree.example/smarttree/internal/eventstream"
)

// Stream is the events of a server, for as long as its context goes on. It comes back by itself, from where it was.
type Stream struct {
	running
	events chan Event
}

// Stream begins a stream. It has to be read, or closed: what is not read is left with the server, and the stream's
// goroutine waits.
func (c *Client) Stream(ctx context.Context, query Query) *Stream {
	s := &Stream{events: make(chan Event)}
	f := c.follow(query.values, s.hand)
	s.begin(ctx, func(ctx context.Context) error {
		defer close(s.events)
		return f.run(ctx)
	})
	return s
}

// Events gives the events of each batch, in order, once the whole batch is there. It is closed when the stream ends.
func (s *Stream) Events() <-chan Event { return s.events }

func (s *Stream) hand(ctx context.Context, batch eventstream.Batch) error {
	for _, frame := range batch.Events {
		if frame.Event != "tree" {
			continue
		}
		var said struct{ Protocol int }
		if json.Unmarshal([]byte(frame.Data), &said) == nil {
			if err := checkProtocol(said.Protocol); err != nil {
				return final{err}
			}
		}
	}
	for _, frame := range batch.Events {
		select {
		case s.events <- eventOf(frame):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// running is a goroutine that is there until its context ends, it is closed, or it ends by itself.
type running struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
	err    error // once done
}

var errClosed = errors.New("closed")

func (r *running) begin(ctx context.Context, run func(context.Context) error) {
	ctx, r.cancel = context.WithCancelCause(ctx)
	r.done = make(chan struct{})
	go func() {
		defer close(r.done)
		err := run(ctx)
		if !errors.Is(err, errClosed) {
			r.err = err
		}
		r.cancel(nil)
	}()
}

// Done is closed when it has ended and nothing of it is left.
func (r *running) Done() <-chan struct{} { return r.done }

// Err says why it has ended: the context's cause, [ErrNotAStream], [ErrProtocol], [ErrTooLarge], or a [*Problem]. It is
// nil before, and after Close.
func (r *running) Err() error {
	select {
	case <-r.done:
		return r.err
	default:
		return nil
	}
}

// Close ends it, and waits until nothing of it is left.
func (r *running) Close() {
	r.cancel(errClosed)
	<-r.done
}
