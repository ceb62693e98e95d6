package smarttree_test

import (
	"context"
	"fmt"
	"log"

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
	ctx := context.Background()
	client, err := smarttree.Connect(ctx, "https://tree.example.com:8973", smarttree.WithToken("secret"))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	mirror := client.Mirror(ctx, smarttree.Query{})
	defer mirror.Close()
	for update := range mirror.Subscribe("*.rs", "/docs/**").Updates() {
		for _, change := range update.Changes {
			fmt.Println(change.Type, change.Path)
		}
		fmt.Println(update.Tree.Len(), "entries at", update.Tree.Clock())
	}
	log.Print(mirror.Err())
}

func ExampleDecompress() {
	// Two files, in a directory in /p.
	const text = "QTN1:AQIDAO/Nq4lnRSMBBQECL3DtgwGAgNDixr/Oly+mynxxsMSoB1nC3y4K9R6wBAIBBAEBAgQEAAAAABUVUkVBRE1FAHN" +
		"yYwBtYWluAHV0aWwAAwMuYwAEBAAAAQEJCQLtQaSBAQABAQQEBAAKCQMDRM8CCwsCgIDQ4sa/zpcvBQQEAAAAAgAAAABKJ3O" +
		"EJyb4lA=="
	doc, err := smarttree.Decompress(text)
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
