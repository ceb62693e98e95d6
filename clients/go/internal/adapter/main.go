// Command adapter lets the contract's suite drive this client: a JSON object a line comes in, lines of JSON go out.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"smarttree.example/smarttree"
)

// request is any request; each uses some of the fields.
type request struct {
	Do        string
	Document  []byte
	Text      string
	Before    []byte
	Change    []byte
	Manifest  []byte
	Groups    [][]byte
	Pieces    [][]byte
	Glob      string
	Globs     []string
	Path      string
	URL       string
	Call      string
	Arguments arguments
	Query     query
	Options   options
}

type query struct {
	Since, Path, Events, Mode, Tree, Only string
	Include, Exclude, Types               []string
}

type options struct {
	Token          string
	CAFile         string  `json:"ca_file"`
	SilenceS       float64 `json:"silence_s"`
	RequestTimeout float64 `json:"request_timeout_s"`
	RetryMaxS      float64 `json:"retry_max_s"`
	MaxEventBytes  int     `json:"max_event_bytes"`
	MaxBatchBytes  int     `json:"max_batch_bytes"`
}

type object map[string]any

// adapter answers requests; sessions speak while it reads on.
type adapter struct {
	mutex   sync.Mutex
	out     *json.Encoder
	session *session
}

func main() {
	a := &adapter{out: json.NewEncoder(os.Stdout)}
	a.out.SetEscapeHTML(false)
	if err := a.serve(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (a *adapter) serve(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			a.stop()
			return nil
		}
		if err != nil {
			return err
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		a.answer(&r)
	}
}

func (a *adapter) say(line any) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if err := a.out.Encode(line); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func (a *adapter) answer(r *request) {
	switch r.Do {
	case "stream", "mirror":
		a.begin(r)
	case "list":
		a.say(a.session.list())
	case "stop":
		a.stop()
		a.say(object{"stopped": true})
	case "call":
		a.say(call(r))
	case "glob":
		path, err := hex.DecodeString(r.Path)
		if err != nil {
			a.say(object{"failed": err.Error()})
			return
		}
		a.say(object{"matches": matches(r.Glob, string(path))})
	default:
		a.say(document(r))
	}
}

func (a *adapter) stop() {
	if a.session != nil {
		a.session.stop()
		a.session = nil
	}
}

// connect makes a client as the options say; lost hears of connections that ended.
func connect(r *request, lost func(error)) (*smarttree.Client, error) {
	given := []smarttree.Option{smarttree.WithLost(lost)}
	o := &r.Options
	if o.Token != "" {
		given = append(given, smarttree.WithToken(o.Token))
	}
	if o.CAFile != "" {
		given = append(given, smarttree.WithCAFile(o.CAFile))
	}
	for _, of := range []struct {
		seconds float64
		option  func(time.Duration) smarttree.Option
	}{
		{o.SilenceS, smarttree.WithSilence}, {o.RequestTimeout, smarttree.WithTimeout}, {o.RetryMaxS, smarttree.WithRetryMax},
	} {
		if of.seconds > 0 {
			given = append(given, of.option(time.Duration(of.seconds*float64(time.Second))))
		}
	}
	if o.MaxEventBytes > 0 {
		given = append(given, smarttree.WithMaxEventBytes(o.MaxEventBytes))
	}
	if o.MaxBatchBytes > 0 {
		given = append(given, smarttree.WithMaxBatchBytes(o.MaxBatchBytes))
	}
	return smarttree.Connect(context.Background(), r.URL, given...)
}
