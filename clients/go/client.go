package smarttree

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Version is this client's.
const Version = "0.1.0"

// Client speaks with one server. It may be used by any number of goroutines.
type Client struct {
	address  *url.URL
	settings settings
	http     *http.Client
	ctx      context.Context

	mutex  sync.Mutex
	stream *Stream // of Events; nil before the first call
	closed bool
}

// Connect makes a client of the server at an address, such as "http://localhost:8973". Nothing is sent before something
// is asked for. When ctx ends, so does the stream of [Client.Events].
func Connect(ctx context.Context, address string, options ...Option) (*Client, error) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, errors.New("smarttree: the address has to be like http://localhost:8973")
	}
	if parsed.User != nil {
		return nil, errors.New("smarttree: an address is no place for a secret: use WithToken")
	}
	c := &Client{address: parsed, settings: defaultSettings(), ctx: ctx}
	for _, option := range options {
		if err := option(&c.settings); err != nil {
			return nil, err
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = c.settings.tls
	c.http = &http.Client{Transport: transport, CheckRedirect: checkRedirect}
	return c, nil
}

const maxRedirects = 10

// checkRedirect leaves the last answer as it is where it leads too far, or from a connection that others can't read to
// one that they can.
func checkRedirect(next *http.Request, before []*http.Request) error {
	if len(before) >= maxRedirects || before[0].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return http.ErrUseLastResponse
	}
	return nil
}

// Events is the stream of the server's events, as [WithQuery] asks for them. The channel is closed when it ends: when
// the client's context does, or it is closed, or for good; [Client.Err] says why. There is one such stream, begun by
// the first call; [Client.Stream] makes others.
func (c *Client) Events() <-chan Event {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.stream == nil && c.closed {
		none := make(chan Event)
		close(none)
		return none
	}
	if c.stream == nil {
		c.stream = c.Stream(c.ctx, c.settings.query)
	}
	return c.stream.Events()
}

// Err says why the channel of [Client.Events] is closed: nil while it is not, and after [Client.Close].
func (c *Client) Err() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.stream == nil {
		return nil
	}
	return c.stream.Err()
}

// Close ends the stream of [Client.Events], if there is one, and waits for that; and it closes connections that are
// idle. Other streams, and mirrors, end by themselves.
func (c *Client) Close() error {
	c.mutex.Lock()
	c.closed = true
	stream := c.stream
	c.mutex.Unlock()
	if stream != nil {
		stream.Close()
	}
	c.http.CloseIdleConnections()
	return nil
}

// request makes a request of an endpoint.
func (c *Client) request(ctx context.Context, method, endpoint string, query url.Values) (*http.Request, error) {
	address := *c.address
	address.Path = strings.TrimSuffix(address.Path, "/") + endpoint
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, method, address.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("smarttree: %w", err)
	}
	request.Header.Set("User-Agent", "smarttree-go/"+Version)
	if c.settings.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.settings.token)
	}
	return request, nil
}
