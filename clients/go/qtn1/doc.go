// Package qtn1 reads QTN1, version 1: a directory tree, and its changes, in few bytes.
//
// A snapshot is decoded into columns, one slice per value and one index per entry, in directory order: the children of
// the top directory, then, for each directory among them in order, everything below it. Nothing is made per entry, and
// [Snapshot.Entry] makes one when it is asked for.
//
// Every function takes bytes from anywhere. What is wrong with them is an [*Error] with the code that the format's
// page gives it, never a panic, and memory is taken for what is there, not for what a count promises. [Limits] lets a
// caller bound it further.
package qtn1
