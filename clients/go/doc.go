// Package smarttree is the client of a smarttree server: a stream of what happens in a remote directory tree, and an
// exact, live mirror of it.
//
// A [Client] is made by [Connect]. [Client.Events] is the stream, which comes back by itself and tells each batch of
// changes exactly once. [Client.Mirror] keeps the whole tree, checks it by digest after every batch, and fetches it
// anew by itself where it must; any number of goroutines may read it. What else a server answers are calls: Tree,
// Changes, Stats, Search, Clock, Watch and Ticket.
//
// The documents that are told are those of package qtn1, and trees those of package tree.
package smarttree
