package smarttree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"smarttree.example/smarttree/qtn1"
)

// opening makes the snapshots of an opening, and fetches what it lacks for that.
type opening struct {
	client *Client
	held   [][]byte // the snapshots of the opening before

	groups       map[qtn1.Hash][]byte // those of held, once they are needed
	documents    [][]byte
	fetched      int
	groupMissing bool
}

func (o *opening) snapshot(ctx context.Context, told *Tree) (*qtn1.Snapshot, error) {
	doc, err := o.document(ctx, told)
	if err != nil {
		return nil, err
	}
	o.documents = append(o.documents, doc)
	snapshot, err := qtn1.DecodeSnapshot(doc, qtn1.Limits{})
	if err != nil {
		return nil, stale{Damaged, err}
	}
	return snapshot, checkDigest(told, snapshot)
}

func (o *opening) document(ctx context.Context, told *Tree) ([]byte, error) {
	switch {
	case told.Compressed != "":
		doc, err := qtn1.Binary(told.Compressed)
		if err != nil {
			return nil, stale{Damaged, err}
		}
		return doc, nil
	case told.Manifest != "":
		doc, err := qtn1.Binary(told.Manifest)
		if err != nil {
			return nil, stale{Damaged, err}
		}
		manifest, err := qtn1.DecodeManifest(doc, qtn1.Limits{})
		if err != nil {
			return nil, stale{Damaged, err}
		}
		return o.assemble(ctx, manifest)
	}
	return nil, stale{Damaged, fmt.Errorf("the tree of %s came without a document", told.Path)}
}

// assemble makes the document that a manifest tells of. What can't be had, or is not what it should be, is asked for
// in another way the next time: the tree that is held stays as good as it was.
func (o *opening) assemble(ctx context.Context, m *qtn1.Manifest) ([]byte, error) {
	if err := o.fetch(ctx, o.lacking(m)); err != nil {
		var problem *Problem
		o.groupMissing = errors.As(err, &problem) && problem.Status == http.StatusNotFound
		return nil, err
	}
	doc, err := m.Assemble(func(g qtn1.Group) ([]byte, error) { return o.groups[g.Address], nil })
	if err != nil {
		o.groupMissing = true
	}
	return doc, err
}

// lacking is the groups that a manifest names and no snapshot before it had.
func (o *opening) lacking(m *qtn1.Manifest) []qtn1.Group {
	if o.groups == nil {
		o.groups = map[qtn1.Hash][]byte{}
		for _, doc := range o.held {
			for address, group := range qtn1.Groups(doc) {
				o.groups[address] = group
			}
		}
	}
	var lacking []qtn1.Group
	asked := map[qtn1.Hash]bool{}
	for _, chunk := range m.Chunks {
		for _, group := range chunk.Groups {
			if _, isHeld := o.groups[group.Address]; !isHeld && !asked[group.Address] {
				asked[group.Address] = true
				lacking = append(lacking, group)
			}
		}
	}
	return lacking
}

const fetchersMax = 4 // at a time: a group is small, and the way to the server may be long

// fetch adds groups to those that are there.
func (o *opening) fetch(ctx context.Context, lacking []qtn1.Group) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var fetchers sync.WaitGroup
	var mutex sync.Mutex
	next := make(chan qtn1.Group)
	for range min(fetchersMax, len(lacking)) {
		fetchers.Add(1)
		go func() {
			defer fetchers.Done()
			for group := range next {
				stored, err := o.client.chunk(ctx, group)
				if err != nil {
					cancel(err)
					continue // so that nobody waits to hand over the next
				}
				mutex.Lock()
				o.groups[group.Address] = stored
				o.fetched++
				mutex.Unlock()
			}
		}()
	}
	for _, group := range lacking {
		next <- group
	}
	close(next)
	fetchers.Wait()
	return context.Cause(ctx)
}

const chunkMaxBytes = 5 * (8<<20 + 20) // of a group as it may stand in a snapshot

// chunk is a part of a tree that a manifest has named. It is not looked at whether it is what its address says.
func (c *Client) chunk(ctx context.Context, group qtn1.Group) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.settings.timeout)
	defer cancel()
	request, err := c.request(ctx, http.MethodGet, "/chunk/"+group.Address.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, problemOf(response)
	}
	return io.ReadAll(io.LimitReader(response.Body, int64(min(group.Stored, chunkMaxBytes))+1))
}
