//! `bench TREE.qtn TREE.json ROUNDS`: decodes both in turn, and prints one line of JSON with the seconds of each round.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use smart_tree_sse::qtn1::Snapshot;

/// The answer of `/tree?mode=json`.
#[derive(Deserialize)]
#[expect(dead_code, reason = "to be decoded is what it is for")]
struct Answer {
    tree: Node,
}

/// An entry in it; the top has a path in the place of a name.
#[derive(Deserialize)]
#[expect(dead_code, reason = "as above")]
struct Node {
    name: Option<String>,
    kind: String,
    size: u64,
    mode: String,
    mtime_ns: String,
    #[serde(default)]
    children: Option<Vec<Node>>,
}

#[derive(Serialize)]
struct Figures {
    entries: usize,
    qtn_s: Vec<f64>,
    json_s: Vec<f64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let [_, qtn, json, rounds] = &std::env::args().collect::<Vec<_>>()[..] else {
        return Err("usage: bench TREE.qtn TREE.json ROUNDS".into());
    };
    let (qtn, json) = (std::fs::read(qtn)?, std::fs::read(json)?);
    let mut figures = Figures { entries: 0, qtn_s: Vec::new(), json_s: Vec::new() };
    for _ in 0..rounds.parse()? {
        let start = Instant::now();
        let tree = black_box(Snapshot::decode(&qtn)?);
        figures.qtn_s.push(start.elapsed().as_secs_f64());
        figures.entries = tree.entries().len();
        let start = Instant::now();
        black_box(serde_json::from_slice::<Node>(&json)?);
        figures.json_s.push(start.elapsed().as_secs_f64());
    }
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}
