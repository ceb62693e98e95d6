package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"smarttree.example/smarttree"
	"smarttree.example/smarttree/tree"
)

// session is a stream or a mirror that speaks until it is stopped.
type session struct {
	mirror *smarttree.Mirror
	close  func()
	spoken chan struct{} // closed when all was said
}

func (s *session) stop() {
	s.close()
	<-s.spoken
}

func (a *adapter) begin(r *request) {
	a.stop()
	client, err := connect(r, func(reason error) { a.say(object{"lost": reason.Error()}) })
	if err != nil {
		a.say(object{"failed": err.Error()})
		return
	}
	s := &session{spoken: make(chan struct{})}
	a.session = s
	asked := smarttree.Query{
		Since: r.Query.Since, Path: r.Query.Path, Mode: r.Query.Mode, Tree: r.Query.Tree, Only: r.Query.Only,
		Include: r.Query.Include, Exclude: r.Query.Exclude, Types: r.Query.Types,
	}
	if r.Query.Events != "" {
		asked.Events = strings.Split(r.Query.Events, ",")
	}
	if r.Do == "stream" {
		stream := client.Stream(context.Background(), asked)
		s.close = stream.Close
		go a.tellStream(s, client, stream)
		return
	}
	s.mirror = client.Mirror(context.Background(), asked)
	s.close = s.mirror.Close
	go a.tellMirror(s, client, s.mirror.Subscribe(r.Globs...), len(r.Globs) > 0)
}

func (a *adapter) tellStream(s *session, client *smarttree.Client, stream *smarttree.Stream) {
	defer close(s.spoken)
	defer client.Close()
	for event := range stream.Events() {
		var data any = event.Data
		if event.Type != "quantum" && json.Valid([]byte(event.Data)) {
			data = json.RawMessage(event.Data)
		}
		a.say(object{"event": event.Type, "data": data, "id": event.Clock})
	}
	<-stream.Done()
	a.tellEnd(stream.Err())
}

func (a *adapter) tellMirror(s *session, client *smarttree.Client, sub *smarttree.Subscription, tellsChanges bool) {
	defer close(s.spoken)
	defer client.Close()
	for update := range sub.Updates() {
		if update.Rebased != "" {
			a.say(object{"rebased": update.Rebased, "clock": update.Tree.Clock(), "fetched": update.Fetched})
		}
		for _, change := range update.Changes {
			if tellsChanges {
				a.say(object{"told": told(&change)})
			}
		}
		tree := update.Tree
		a.say(object{"applied": tree.Clock(), "digest": tree.Digest().String(), "entries": tree.Len()})
	}
	<-s.mirror.Done()
	a.tellEnd(s.mirror.Err())
}

func told(change *tree.Change) object {
	said := object{"type": change.Type, "path": hexed(change.Path)}
	if change.OldPath != "" {
		said["old_path"] = hexed(change.OldPath)
	}
	return said
}

func (a *adapter) tellEnd(err error) {
	if err == nil {
		return
	}
	var problem *smarttree.Problem
	code := err.Error()
	switch {
	case errors.As(err, &problem):
		code = fmt.Sprintf("http-%d", problem.Status)
	case errors.Is(err, smarttree.ErrNotAStream):
		code = "not-a-stream"
	case errors.Is(err, smarttree.ErrProtocol):
		code = "protocol"
	case errors.Is(err, smarttree.ErrTooLarge):
		code = "too-large"
	}
	a.say(object{"ended": code})
}

// list is the entries of a mirror, by their paths.
func (s *session) list() object {
	if s == nil || s.mirror == nil {
		return object{"failed": "no mirror is there"}
	}
	type row struct {
		path string
		told []any
	}
	rows := []row{}
	for path, e := range s.mirror.All() {
		size, mtime := strconv.FormatUint(e.Size, 10), strconv.FormatInt(e.Mtime, 10)
		rows = append(rows, row{path, []any{hexed(path), e.Mode, size, mtime}})
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].path < rows[j].path })
	entries := make([][]any, len(rows))
	for i := range rows {
		entries[i] = rows[i].told
	}
	return object{"entries": entries}
}

func hexed(path string) string { return hex.EncodeToString([]byte(path)) }
