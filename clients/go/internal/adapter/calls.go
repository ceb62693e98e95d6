package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"smarttree.example/smarttree"
)

// arguments are named as the server's parameters, and may be of any type.
type arguments map[string]any

func (a arguments) text(name string) string {
	switch value := a[name].(type) {
	case nil:
		return ""
	case bool:
		return map[bool]string{true: "1", false: "0"}[value]
	default:
		return fmt.Sprint(value)
	}
}

func (a arguments) list(name string) (all []string) {
	values, isList := a[name].([]any)
	if !isList && a[name] != nil {
		values = []any{a[name]}
	}
	for _, value := range values {
		all = append(all, fmt.Sprint(value))
	}
	return all
}

func (a arguments) flag(name string) bool { return a.text(name) == "1" }

func (a arguments) number(name string) int {
	n, err := strconv.Atoi(a.text(name))
	if err != nil {
		return 0
	}
	return n
}

// depth is nil where none is given.
func (a arguments) depth() *int {
	if a["depth"] == nil {
		return nil
	}
	depth := a.number("depth")
	return &depth
}

func call(r *request) any {
	client, err := connect(r, func(error) {})
	if err != nil {
		return object{"failed": err.Error()}
	}
	defer client.Close()
	answer, err := ask(context.Background(), client, r.Call, r.Arguments)
	var problem *smarttree.Problem
	switch {
	case errors.As(err, &problem):
		return object{"problem": object{"status": problem.Status, "code": problem.Code, "detail": problem.Detail}}
	case err != nil:
		return object{"failed": err.Error()}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return object{"failed": err.Error()}
	}
	return object{"answer": json.RawMessage(text)}
}

func ask(ctx context.Context, client *smarttree.Client, name string, a arguments) (any, error) {
	switch name {
	case "tree":
		return client.Tree(ctx, smarttree.TreeQuery{
			Path: a.text("path"), Mode: a.text("mode"), Depth: a.depth(), Manifest: a.text("tree") == "manifest",
			Sync: a.flag("sync"),
		})
	case "changes":
		return client.Changes(ctx, smarttree.ChangesQuery{
			Since: a.text("since"), Wait: time.Duration(a.number("wait")) * time.Second, Sync: a.flag("sync"),
			Path: a.text("path"), Include: a.list("include"), Exclude: a.list("exclude"), Types: a.list("types"),
			Only: a.text("only"),
		})
	case "stats":
		return client.Stats(ctx, a.text("path"), a.text("window"))
	case "search":
		return search(ctx, client, a)
	case "clock":
		return client.Clock(ctx, a.flag("sync"))
	case "watch-list":
		return client.Watch(ctx)
	case "watch-add":
		return client.WatchAdd(ctx, a.text("path"))
	case "watch-remove":
		return client.WatchRemove(ctx, a.text("path"))
	case "ticket":
		return client.Ticket(ctx)
	}
	return nil, errors.New("no such call: " + name)
}

func search(ctx context.Context, client *smarttree.Client, a arguments) (any, error) {
	all := []smarttree.Found{}
	for found, err := range client.Search(ctx, smarttree.SearchQuery{
		Pattern: a.text("q"), Names: a.text("in") == "name", Regex: a.flag("regex"), Case: a.text("case"),
		Path: a.text("path"), Globs: a.list("glob"), Context: a.number("context"), Limit: a.number("limit"),
		Timeout: time.Duration(a.number("timeout_ms")) * time.Millisecond, Sync: a.flag("sync"),
	}) {
		if err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	return all, nil
}
