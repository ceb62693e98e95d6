package smarttree

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"
)

// settings is what options set.
type settings struct {
	token         string
	tls           *tls.Config
	silence       time.Duration
	timeout       time.Duration
	retryMax      time.Duration
	maxEventBytes int
	maxBatchBytes int
	onLost        func(error)
	query         Query
}

func defaultSettings() settings {
	return settings{
		silence:       45 * time.Second, // three heartbeats
		timeout:       30 * time.Second,
		retryMax:      30 * time.Second,
		maxEventBytes: 256 << 20,
		maxBatchBytes: 512 << 20,
		onLost:        func(error) {},
	}
}

// Option is given to [Connect].
type Option func(*settings) error

// WithToken sends a token with each request, in a header of its own.
func WithToken(token string) Option {
	return func(s *settings) error {
		for _, b := range []byte(token) {
			if b <= ' ' || b > '~' {
				return errors.New("smarttree: a token has no blanks and nothing but ASCII")
			}
		}
		s.token = token
		return nil
	}
}

// WithCAFile trusts the certificates in a PEM file, and no others.
func WithCAFile(file string) Option {
	return func(s *settings) error {
		pem, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("smarttree: the file of certificates: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("smarttree: no certificate in %s", file)
		}
		return WithTLSConfig(&tls.Config{RootCAs: pool})(s)
	}
}

// WithTLSConfig sets how a server is authenticated.
func WithTLSConfig(config *tls.Config) Option {
	return func(s *settings) error { s.tls = config.Clone(); return nil }
}

// WithSilence sets how long a stream may bring nothing, not even a heartbeat, before its connection counts as dead.
// It is 45 s otherwise.
func WithSilence(d time.Duration) Option {
	return func(s *settings) error { s.silence = d; return positive(d, "silence") }
}

// WithTimeout sets how long a call may take, besides what it asks the server to wait. It is 30 s otherwise.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) error { s.timeout = d; return positive(d, "timeout") }
}

// WithRetryMax sets the longest time between two attempts to connect a stream. It is 30 s otherwise.
func WithRetryMax(d time.Duration) Option {
	return func(s *settings) error { s.retryMax = d; return positive(d, "longest retry") }
}

// WithMaxEventBytes bounds one event, which is held in memory. It is 256 MiB otherwise. A stream that brings more ends
// with [ErrTooLarge].
func WithMaxEventBytes(n int) Option {
	return func(s *settings) error { s.maxEventBytes = n; return positive(n, "bound of an event") }
}

// WithMaxBatchBytes bounds all events of one batch, which are held in memory. It is 512 MiB otherwise. A stream that
// brings more ends with [ErrTooLarge].
func WithMaxBatchBytes(n int) Option {
	return func(s *settings) error { s.maxBatchBytes = n; return positive(n, "bound of a batch") }
}

// WithLost has a function called whenever the connection of a stream or mirror has ended and will be made again. It is
// called from the goroutine that follows the stream, which waits for it.
func WithLost(lost func(reason error)) Option {
	return func(s *settings) error { s.onLost = lost; return nil }
}

// WithQuery sets what [Client.Events] asks for.
func WithQuery(query Query) Option {
	return func(s *settings) error { s.query = query; return nil }
}

func positive[N int | time.Duration](n N, what string) error {
	if n <= 0 {
		return fmt.Errorf("smarttree: the %s has to be more than nothing", what)
	}
	return nil
}
