package smarttree_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"smarttree.example/smarttree"
	"smarttree.example/smarttree/qtn1"
)

// A stream of everything that happens, which comes back by itself.
func ExampleClient_Events() {
	ctx := context.Background()
	client, err := smarttree.Connect(ctx, "http://localhost:8973")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for event := range client.Events() {
		switch event.Type {
		case "change":
			if change, err := event.Change(); err == nil {
				fmt.Println(change.Type, change.Path)
			}
		case "quantum": // every change of a batch, to be stored or sent on
			fmt.Println(len(event.Data), "bytes lead to", event.Clock)
		}
	}
	log.Print(client.Err())
}

// The whole tree, kept up.
func ExampleClient_Mirror() {
	server := httptest.NewServer(http.HandlerFunc(smallTree)) // in the place of a real one
	defer server.Close()

	ctx := context.Background()
	client, err := smarttree.Connect(ctx, server.URL, smarttree.WithToken("secret"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	mirror := client.Mirror(ctx, smarttree.Query{})
	defer mirror.Close()
	if err := mirror.Ready(ctx); err != nil {
		log.Fatal(err)
	}
	if entry, found := mirror.Lookup("/p/README"); found {
		fmt.Println(entry.Size, "bytes")
	}
	for child := range mirror.Children("/p") {
		fmt.Println(child.FileMode(), child.Name)
	}
	// Output:
	// 12 bytes
	// -rw-r--r-- README
	// drwxr-xr-x src
}

// Who subscribes hears of each new tree, and of the changes that matter to them.
func ExampleMirror_Subscribe() {
	server := httptest.NewServer(http.HandlerFunc(smallTree)) // in the place of a real one
	defer server.Close()

	ctx := context.Background()
	client, err := smarttree.Connect(ctx, server.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	mirror := client.Mirror(ctx, smarttree.Query{})
	defer mirror.Close()
	for update := range mirror.Subscribe("*.c", "/docs/**").Updates() {
		fmt.Println(update.Tree.Len(), "entries")
		for _, change := range update.Changes {
			fmt.Println(change.Type, change.Path, change.Entry.Size)
		}
		if len(update.Changes) > 0 {
			break
		}
	}
	// Output:
	// 5 entries
	// 5 entries
	// modified /p/src/main.c 1024
}

// smallTree tells the tree that the page of QTN1 ends with, and its batch.
func smallTree(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "event: tree\ndata: {\"path\":\"/p\",\"protocol\":1,\"compressed\":%q}\nid: 1\n\n", smallTreeText)
	fmt.Fprintf(w, "event: quantum\ndata: %s\nid: 2\n\n", smallBatchText)
}

func ExampleDecompress() {
	doc, err := smarttree.Decompress(smallTreeText)
	if err != nil {
		log.Fatal(err)
	}
	snapshot := doc.(*qtn1.Snapshot)
	for i, entry := range snapshot.All() {
		fmt.Println(entry.FileMode(), entry.Size, snapshot.Path(i))
	}
	// Output:
	// -rw-r--r-- 12 /p/README
	// drwxr-xr-x 0 /p/src
	// -rw-r--r-- 1000 /p/src/main.c
	// -rw-r--r-- 300 /p/src/util.c
}

const (
	smallTreeText = "QTN1:AQIDAO/Nq4lnRSMBBQECL3DtgwGAgNDixr/Oly+mynxxsMSoB1nC3y4K9R6wBAIBBAEBAgQEAAAAABUVUkVBRE1FAHN" +
		"yYwBtYWluAHV0aWwAAwMuYwAEBAAAAQEJCQLtQaSBAQABAQQEBAAKCQMDRM8CCwsCgIDQ4sa/zpcvBQQEAAAAAgAAAABKJ3O" +
		"EJyb4lA=="
	smallBatchText = "QTN1:BATCH:AQIFAO/Nq4lnRSMBBQGiqXXN7j0+GgEEGAsAAACA6NjpicDOly8RCStG"
)
