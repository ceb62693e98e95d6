// Command follow prints what a client of the module go-sse is told by the stream at a URL, one JSON object a line.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/tmaxmax/go-sse"
)

type told struct {
	Event string `json:"event"`
	Data  string `json:"data"`
	ID    string `json:"id"`
}

type lost struct {
	Lost string `json:"lost"`
}

const bufferBytes = 64 << 20 // go-sse takes events of 64 KiB unless it is told otherwise; a tree may be larger

func main() {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, os.Args[1], http.NoBody)
	if err != nil {
		log.Fatal(err)
	}
	out := json.NewEncoder(os.Stdout)
	say := func(what any) {
		if err := out.Encode(what); err != nil {
			log.Fatal(err)
		}
	}
	client := sse.Client{
		OnRetry: func(err error, _ time.Duration) { say(lost{err.Error()}) },
		Backoff: sse.Backoff{InitialInterval: 200 * time.Millisecond, Multiplier: 1},
	}
	connection := client.NewConnection(request)
	connection.Buffer(nil, bufferBytes)
	connection.SubscribeToAll(func(event sse.Event) {
		say(told{event.Type, event.Data, event.LastEventID})
	})
	log.Fatal(connection.Connect())
}
