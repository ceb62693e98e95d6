// A Mercure hub as its library makes one: anyone may subscribe, and what comes by the control port is published.
//
// As in bench/fanout/children/control.py: it prints "ready PORT CONTROL-PORT", a line is a payload, "!" is none, and it
// ends when standard input does. Its history is the default, none; nothing ends a stream, and no heartbeat is sent.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/dunglas/mercure"
)

const longestLine = 1 << 21

func listen() net.Listener {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func port(listener net.Listener) int {
	return listener.Addr().(*net.TCPAddr).Port
}

func publishAll(ctx context.Context, hub *mercure.Hub, control net.Listener) {
	connection, err := control.Accept()
	if err != nil {
		log.Fatal(err)
	}
	lines := bufio.NewScanner(connection)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		if lines.Text()[0] == '!' {
			continue
		}
		update := &mercure.Update{Topics: []string{"bench"}, Event: mercure.Event{Data: lines.Text()}}
		if err := hub.Publish(ctx, update); err != nil {
			log.Fatal(err)
		}
	}
}

func main() {
	ctx := context.Background()
	quiet := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}))
	hub, err := mercure.NewHub(
		ctx, mercure.WithAnonymous(), mercure.WithLogger(quiet), mercure.WithHeartbeat(0), mercure.WithWriteTimeout(0),
	)
	if err != nil {
		log.Fatal(err)
	}
	clients, control := listen(), listen()
	go publishAll(ctx, hub, control)
	go func() { log.Fatal(http.Serve(clients, hub)) }()
	fmt.Println("ready", port(clients), port(control))
	_, _ = io.Copy(io.Discard, os.Stdin)
	fmt.Println("{}")
}
