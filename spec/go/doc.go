// Package qtn1 reads QTN1, version 1: a directory tree, and its changes, in few bytes.
//
// It was written from the published page (QTN1.md) alone, to be read beside it: "section 3" in a comment is a section
// of that page. It decodes snapshots, manifests, batches and deltas, applies records to a tree, and encodes nothing.
//
// Every function takes bytes from anywhere: what is wrong with them is an *Error, never a panic, and memory is taken
// for what was read, not for what a count promises.
package qtn1
