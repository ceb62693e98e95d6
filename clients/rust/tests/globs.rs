//! The contract's cases of globs.

use std::path::Path;

use serde::Deserialize;
use smart_tree_sse::Glob;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<(String, String, bool)>,
    bytes: Vec<(String, String, bool)>,
}

#[test]
fn globs_match_as_the_contract_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contract/globs.json");
    let Cases { cases, bytes } = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    for (glob, path, matches) in cases {
        assert_eq!(Glob::new(&glob).matches(&path), matches, "{glob} {path}");
    }
    for (glob, hex, matches) in bytes {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let path: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        assert_eq!(Glob::new(&glob).matches(path), matches, "{glob} {hex}");
    }
}
