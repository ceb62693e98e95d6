//! An exact, live mirror of a remote directory tree.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod qtn1;
