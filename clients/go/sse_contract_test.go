package smarttree

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"smarttree.example/smarttree/internal/eventstream"
)

// The public suite for clients of event streams (sse-contract-tests) drives a service over HTTP. It is no module that
// the proxy has, so it has to be built from its repository first:
//
//	SSE_CONTRACT_TESTS=path/to/sse-contract-tests go test -run TestPublicContract -v .
//
// A stream of ours holds events until one bears an id. What the suite sees is everything else of it: the parser, the
// requests, and how it comes back; each event is handed on by itself.
func TestPublicContract(t *testing.T) {
	suite := os.Getenv("SSE_CONTRACT_TESTS")
	if suite == "" {
		t.Skip("SSE_CONTRACT_TESTS names no suite")
	}
	service := &contractService{streams: map[string]*running{}}
	server := httptest.NewServer(service)
	defer server.Close()
	said, err := exec.Command(suite, "-url", server.URL, "-port", contractPort).CombinedOutput()
	t.Logf("%s", said)
	if err != nil {
		t.Error(err)
	}
}

const contractPort = "8111" // where the suite listens

// eachByItself is a gatherer for streams whose events need no id.
type eachByItself struct{ id string }

func (e *eachByItself) Add(f eventstream.Frame) (eventstream.Batch, bool, error) {
	if f.BearsID {
		e.id = f.ID
	}
	batch := eventstream.Batch{Clock: e.id}
	if f.HasData {
		batch.Events = []eventstream.Frame{f}
	}
	return batch, true, nil
}

// contractService is what the suite asks for a stream, and what it tells of each.
type contractService struct {
	mutex   sync.Mutex
	streams map[string]*running
}

type contractStream struct {
	StreamURL      string
	CallbackURL    string
	InitialDelayMS *int
	ReadTimeoutMS  *int
	LastEventID    string
}

func (s *contractService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodGet:
		capabilities := []string{"bom", "last-event-id", "read-timeout", "server-directed-shutdown-request"}
		_ = json.NewEncoder(w).Encode(map[string]any{"capabilities": capabilities})
	case r.Method == http.MethodPost && r.URL.Path == "/":
		var asked contractStream
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		stream, err := asked.begin()
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mutex.Lock()
		path := fmt.Sprintf("/streams/%d", len(s.streams))
		s.streams[path] = stream
		s.mutex.Unlock()
		w.Header().Set("Location", path)
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodDelete && r.URL.Path != "/":
		s.mutex.Lock()
		stream := s.streams[r.URL.Path]
		s.mutex.Unlock()
		if stream != nil {
			stream.Close()
		}
	}
}

func (c *contractStream) begin() (*running, error) {
	told := 0
	tell := func(message map[string]any) {
		told++
		body, _ := json.Marshal(message)
		response, err := http.Post(fmt.Sprintf("%s/%d", c.CallbackURL, told), "application/json", bytes.NewReader(body))
		if err == nil {
			response.Body.Close()
		}
	}
	fail := func(reason error) { tell(map[string]any{"kind": "error", "comment": reason.Error()}) }
	options := []Option{WithLost(fail)}
	if c.ReadTimeoutMS != nil {
		options = append(options, WithSilence(time.Duration(*c.ReadTimeoutMS)*time.Millisecond))
	}
	client, err := Connect(context.Background(), c.StreamURL, options...)
	if err != nil {
		return nil, err
	}
	f := client.follow(Query{}.values, func(_ context.Context, batch eventstream.Batch) error {
		for _, event := range batch.Events {
			tell(map[string]any{"kind": "event", "event": map[string]string{
				"type": event.Event, "data": event.Data, "id": event.ID,
			}})
		}
		return nil
	})
	f.gather = func() gatherer { return &eachByItself{f.clock} }
	f.clock = c.LastEventID
	if c.InitialDelayMS != nil {
		f.retry = time.Duration(*c.InitialDelayMS) * time.Millisecond
	}
	stream := &running{}
	stream.begin(context.Background(), func(ctx context.Context) error {
		defer client.Close()
		err := f.run(ctx)
		if ctx.Err() == nil {
			fail(err)
		}
		return err
	})
	return stream, nil
}
