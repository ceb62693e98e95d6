// Package tree holds directory trees that QTN1 documents tell of.
//
// A [Tree] is one clock's whole tree and never changes: any number of goroutines may read it, for as long as they like.
// A [Replica] is a tree that is kept up with batches. Each batch makes another Tree, which shares with the one before
// it whatever did not change, so that a change costs what lies on the way to it, and [Diff] finds what differs without
// looking at the rest.
package tree
