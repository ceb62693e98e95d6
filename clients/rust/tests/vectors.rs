//! Every document of spec/vectors says what its JSON says, or is refused with the code of its name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use smart_tree_sse::mirror::{OutOfStep, Tree};
use smart_tree_sse::qtn1::{self, Batch, Delta, Document, Manifest, QtnError, Snapshot, decompress_quantum};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors").join(name)
}

/// By name, the documents of a folder: `NAME.KIND` and what is in it.
fn vectors(name: &str) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder(name)).unwrap().map(|file| file.unwrap());
    let all: BTreeMap<_, _> =
        files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())).collect();
    assert!(!all.is_empty());
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The entries as the JSON of a vector has them.
fn entries(snapshot: &Snapshot) -> Value {
    let ids = snapshot.entries().ids();
    let told = snapshot.entries().iter().map(|e| {
        let parent = e.parent.map_or(snapshot.id, |index| ids[index]);
        json!([e.id, parent, hex(e.name), e.mode, e.size.to_string(), e.mtime_ns.to_string()])
    });
    told.collect()
}

#[test]
fn snapshots_say_what_their_json_says() {
    let all = vectors("snapshot");
    for (name, document) in all.iter().filter(|(name, _)| name.ends_with(".qtn")) {
        let stem = name.trim_end_matches(".qtn").trim_end_matches(".raw");
        let says: Value = serde_json::from_slice(&all[&format!("{stem}.json")]).unwrap();
        let snapshot = Snapshot::decode(document).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(entries(&snapshot), says["entries"], "{name}");
        assert_eq!(format!("{:032x}", snapshot.digest), says["digest"], "{name}");
        assert_eq!((hex(&snapshot.path), snapshot.seq.to_string()), (word(&says["top"]["path"]), word(&says["seq"])));
        let tree = Tree::new(&[snapshot]).unwrap();
        assert_eq!(tree.roots().next().unwrap().digest(), u128::from_str_radix(&word(&says["digest"]), 16).unwrap());
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn manifests_name_the_groups_of_their_snapshots() {
    let snapshots = vectors("snapshot");
    for (name, document) in vectors("manifest").iter().filter(|(name, _)| name.ends_with(".qtn")) {
        let manifest = Manifest::decode(document).unwrap();
        let snapshot = &snapshots[name];
        let groups: Vec<&[u8]> = qtn1::groups(snapshot).unwrap().into_iter().map(|range| &snapshot[range]).collect();
        assert_eq!(&manifest.assemble(&groups).unwrap(), snapshot, "{name}");
        for (told, group) in manifest.groups().zip(&groups) {
            assert_eq!(qtn1::address(group), Ok(told.address));
        }
        if let Some(short) = groups.len().checked_sub(1) {
            assert_eq!(
                manifest.assemble(&groups[..short]).unwrap_err(),
                manifest.assemble(&groups[..short]).unwrap_err()
            );
            assert_eq!(manifest.assemble(&groups[..short]).unwrap_err().code(), "address");
        }
    }
}

/// The tree of a snapshot whose clock is nobody's business here.
fn held(snapshot: &[u8]) -> Tree {
    Tree::new(&[Snapshot::decode(snapshot).unwrap()]).unwrap()
}

#[test]
fn changes_lead_from_before_to_after() {
    for (kind, is_batch) in [("batch", true), ("delta", false)] {
        let all = vectors(kind);
        let stems: Vec<&str> = all.keys().filter_map(|name| name.strip_suffix(".before.qtn")).collect();
        for stem in stems {
            let mut tree = held(&all[&format!("{stem}.before.qtn")]);
            let after = held(&all[&format!("{stem}.after.qtn")]);
            let change = &all[&format!("{stem}.{kind}.qtn")];
            if is_batch {
                let batch = Batch::decode(change).unwrap();
                assert_eq!(tree.apply(&batch), Ok(true), "{stem}");
                assert_eq!(tree.apply(&batch), Ok(false), "{stem}: received again");
                assert_eq!(tree, after, "{stem}");
            } else {
                let delta = Delta::decode(change).unwrap();
                tree.apply_delta(&delta).unwrap();
                tree.apply_delta(&delta).unwrap();
                let all = |tree: &Tree| {
                    let mut all: Vec<_> = tree.iter().cloned().collect();
                    all.sort_by_key(smart_tree_sse::mirror::Node::id);
                    all
                };
                assert_eq!(all(&tree), all(&after), "{stem}");
            }
        }
    }
}

#[test]
fn texts_are_the_documents() {
    let all = vectors("text");
    for (name, text) in all.iter().filter(|(name, _)| name.ends_with(".txt")) {
        let text = String::from_utf8(text.clone()).unwrap();
        assert_eq!(&qtn1::from_text(&text).unwrap(), &all[&name.replace(".txt", ".qtn")], "{name}");
        decompress_quantum(&text).unwrap();
    }
}

#[test]
fn what_is_wrong_is_refused_with_its_code() {
    let all = vectors("invalid");
    for (name, document) in &all {
        let code = name.split("--").next().unwrap();
        let refused = if let Some(stem) = name.strip_suffix(".before.qtn") {
            let mut tree = held(document);
            let was = tree.clone();
            let batch = Batch::decode(&all[&format!("{stem}.batch.qtn")]).unwrap();
            let refused = tree.apply(&batch).unwrap_err();
            assert_eq!(tree, was, "{name}: nothing has changed");
            let OutOfStep::Damaged(error) = refused else { panic!("{name}: {refused}") };
            Some(error)
        } else if let Some(stem) = name.strip_suffix(".manifest.qtn").filter(|_| code == "address") {
            let snapshot = &all[&format!("{stem}.snapshot.qtn")];
            let groups: Vec<_> = qtn1::groups(snapshot).unwrap().into_iter().map(|range| &snapshot[range]).collect();
            Some(Manifest::decode(document).unwrap().assemble(&groups).unwrap_err())
        } else {
            refusal(name, document)
        };
        if let Some(error) = refused {
            assert_eq!(error.code(), code, "{name}");
        } else {
            let of_two = all.contains_key(&name.replace(".batch.", ".before.").replace(".snapshot.", ".manifest."));
            assert!(of_two && (name.contains(".batch.") || code == "address"), "{name} was taken");
        }
    }
}

fn refusal(name: &str, document: &[u8]) -> Option<QtnError> {
    if name.ends_with(".txt") {
        return decompress_quantum(std::str::from_utf8(document).unwrap()).err();
    }
    match name.rsplit('.').nth(1).unwrap() {
        "snapshot" => Snapshot::decode(document).err(),
        "manifest" => Manifest::decode(document).err(),
        "batch" => Batch::decode(document).err(),
        "delta" => Delta::decode(document).err(),
        other => panic!("{other}: no kind of document"),
    }
}

/// Whatever a byte is turned to, and wherever a document is cut: an answer or an error. The check is made right again,
/// so that it is not all that is ever looked at.
#[test]
fn nothing_panics() {
    let mut seed = 1_u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for (folder, check) in [("snapshot", 8), ("manifest", 8), ("batch", 4), ("delta", 4)] {
        let small = vectors(folder).into_iter().filter(|(name, d)| name.ends_with("qtn") && d.len() < 20_000);
        for (name, document) in small {
            let check = if name.ends_with(".before.qtn") || name.ends_with(".after.qtn") { 8 } else { check };
            for _ in 0..200 {
                let mut damaged = document[..document.len() - check].to_vec();
                let at = 4 + random(damaged.len() - 4);
                damaged[at] = random(256) as u8;
                if random(4) == 0 {
                    damaged.truncate(4 + random(damaged.len() - 4));
                }
                damaged.extend_from_slice(&xxh64(&damaged).to_le_bytes()[..check]);
                match qtn1::decode(&damaged) {
                    Ok(Document::Batch(batch)) => drop(Tree::default().apply(&batch)),
                    Ok(Document::Delta(delta)) => drop(Tree::default().apply_delta(&delta)),
                    _ => {}
                }
            }
        }
    }
}

/// Seed 0, as plain as can be.
fn xxh64(bytes: &[u8]) -> u64 {
    const P: [u64; 5] =
        [0x9e3779b185ebca87, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9, 0x85ebca77c2b2ae63, 0x27d4eb2f165667c5];
    let round = |acc: u64, n: u64| acc.wrapping_add(n.wrapping_mul(P[1])).rotate_left(31).wrapping_mul(P[0]);
    let mut h = P[4];
    let (stripes, tail) = bytes.split_at(bytes.len() / 32 * 32);
    if !stripes.is_empty() {
        let mut v = [P[0].wrapping_add(P[1]), P[1], 0, 0_u64.wrapping_sub(P[0])];
        for (index, word) in stripes.chunks(8).enumerate() {
            v[index % 4] = round(v[index % 4], u64::from_le_bytes(word.try_into().unwrap()));
        }
        h = [1, 7, 12, 18].iter().zip(v).fold(0, |h: u64, (&by, v)| h.wrapping_add(v.rotate_left(by)));
        h = v.iter().fold(h, |h, &v| (h ^ round(0, v)).wrapping_mul(P[0]).wrapping_add(P[3]));
    }
    h = h.wrapping_add(bytes.len() as u64);
    let (words, mut tail) = tail.split_at(tail.len() / 8 * 8);
    for word in words.chunks(8) {
        let word = u64::from_le_bytes(word.try_into().unwrap());
        h = (h ^ round(0, word)).rotate_left(27).wrapping_mul(P[0]).wrapping_add(P[3]);
    }
    if let Some((four, rest)) = tail.split_first_chunk::<4>() {
        let word = u64::from(u32::from_le_bytes(*four)).wrapping_mul(P[0]);
        h = (h ^ word).rotate_left(23).wrapping_mul(P[1]).wrapping_add(P[2]);
        tail = rest;
    }
    h = tail.iter().fold(h, |h, &b| (h ^ u64::from(b).wrapping_mul(P[4])).rotate_left(11).wrapping_mul(P[0]));
    h = (h ^ (h >> 33)).wrapping_mul(P[1]);
    h = (h ^ (h >> 29)).wrapping_mul(P[2]);
    h ^ (h >> 32)
}
