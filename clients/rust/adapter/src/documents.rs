//! Requests that need no server.

use serde_json::{Value, json};
use smart_tree_sse::Glob;
use smart_tree_sse::mirror::{OutOfStep, Tree};
use smart_tree_sse::qtn1::{self, Document, Header, Manifest, Records, Snapshot};
use smart_tree_sse::sse::Parser;

use crate::request::{Fault, from_base64, from_hex, text, to_base64, to_hex};

pub fn decode(request: &Value) -> Result<Value, Fault> {
    let document = qtn1::decode(&from_base64(&request["document"])?)?;
    let says = match &document {
        Document::Snapshot(snapshot) => of_snapshot(snapshot),
        Document::Manifest(manifest) => of_manifest(manifest),
        Document::Batch(batch) => json!({
            "document": "batch",
            "epoch": format!("{:016x}", batch.epoch),
            "from_seq": batch.from_seq.to_string(),
            "to_seq": batch.to_seq.to_string(),
            "digest": batch.digest_low.map(|low| format!("{low:016x}")),
            "records": of_records(&batch.records),
        }),
        Document::Delta(delta) => json!({"document": "delta", "records": of_records(&delta.records)}),
        _ => return Err(Fault::Failed("a kind of document that is not known here".to_owned())),
    };
    Ok(json!({ "says": says }))
}

pub fn from_text(request: &Value) -> Result<Value, Fault> {
    let text = text(request, "text")?;
    let document = qtn1::from_text(text)?;
    qtn1::decompress_quantum(text)?;
    Ok(json!({"document": to_base64(&document)}))
}

pub fn apply(request: &Value) -> Result<Value, Fault> {
    let snapshot = Snapshot::decode(&from_base64(&request["before"])?)?;
    let mut tree = Tree::new(&[snapshot])?;
    match qtn1::decode(&from_base64(&request["change"])?)? {
        Document::Batch(batch) => match tree.apply(&batch) {
            Ok(_) => {}
            Err(OutOfStep::Damaged(error)) => return Err(error.into()),
            Err(error) => return Err(Fault::Failed(error.to_string())),
        },
        Document::Delta(delta) => tree.apply_delta(&delta)?,
        _ => return Err(Fault::Failed("neither a batch nor a delta".to_owned())),
    }
    Ok(json!({ "says": of_tree(&tree) }))
}

pub fn assemble(request: &Value) -> Result<Value, Fault> {
    let manifest = Manifest::decode(&from_base64(&request["manifest"])?)?;
    let groups: Result<Vec<_>, _> = request["groups"].as_array().into_iter().flatten().map(from_base64).collect();
    let document = manifest.assemble(&groups?)?;
    Snapshot::decode(&document)?;
    Ok(json!({"document": to_base64(&document)}))
}

pub fn parse(request: &Value) -> Result<Value, Fault> {
    let mut parser = Parser::new(1 << 28);
    let mut events = Vec::new();
    for piece in request["pieces"].as_array().into_iter().flatten() {
        let frames = parser.push(&from_base64(piece)?).map_err(|error| Fault::Failed(error.to_string()))?;
        let told = frames.into_iter().filter(|frame| frame.data.is_some());
        events.extend(told.map(|frame| json!({"event": frame.event, "data": frame.data, "id": frame.id})));
    }
    Ok(json!({"events": events, "id": parser.last_id(), "retry": parser.retry_ms()}))
}

pub fn glob(request: &Value) -> Result<Value, Fault> {
    let path = from_hex(text(request, "path")?)?;
    Ok(json!({"matches": Glob::new(text(request, "glob")?).matches(path)}))
}

fn of_header(kind: &str, header: &Header) -> Value {
    json!({
        "document": kind,
        "epoch": format!("{:016x}", header.epoch),
        "seq": header.seq.to_string(),
        "top": of_top(header.id, &header.path, header.mode, header.mtime_ns),
        "digest": format!("{:032x}", header.digest),
    })
}

fn of_top(id: u32, path: &[u8], mode: u16, mtime_ns: i64) -> Value {
    json!({"id": id, "path": to_hex(path), "mode": mode, "mtime_ns": mtime_ns.to_string()})
}

fn of_entry(id: u32, parent: u32, name: &[u8], (mode, size, mtime_ns): (u16, u64, i64)) -> Value {
    json!([id, parent, to_hex(name), mode, size.to_string(), mtime_ns.to_string()])
}

fn of_snapshot(snapshot: &Snapshot) -> Value {
    let (entries, mut says) = (snapshot.entries(), of_header("snapshot", snapshot));
    let parent = |index: Option<usize>| index.map_or(snapshot.id, |index| entries.ids()[index]);
    let told = entries.iter().map(|e| of_entry(e.id, parent(e.parent), e.name, (e.mode, e.size, e.mtime_ns)));
    says["entries"] = told.collect();
    says
}

fn of_manifest(manifest: &Manifest) -> Value {
    let mut says = of_header("manifest", manifest);
    says["entries"] = manifest.entry_count().into();
    says["children"] = manifest.child_count().into();
    let chunks = manifest.chunks().iter().map(|chunk| {
        let groups = chunk.groups.map(|group| json!([format!("{:032x}", group.address), group.stored_size]));
        let [names, values, ids] = groups;
        json!([chunk.entry_count, names, values, ids])
    });
    says["chunks"] = chunks.collect();
    says
}

fn of_records(records: &Records) -> Value {
    let told = records.iter().map(|record| {
        let (parent, name) = record.place.map(|(parent, name)| (parent, to_hex(name))).unzip();
        let (size, mtime_ns) = (record.size.map(|n| n.to_string()), record.mtime_ns.map(|n| n.to_string()));
        json!([record.id, record.mask.bits(), parent, name, record.mode, size, mtime_ns])
    });
    told.collect()
}

/// A tree of one root, as the snapshot that it is.
fn of_tree(tree: &Tree) -> Value {
    let (epoch, seq) = (tree.epoch(), tree.seq());
    let Some(root) = tree.roots().next() else { return Value::Null };
    let entries = tree
        .below(root)
        .map(|node| of_entry(node.id(), node.parent(), node.name(), (node.mode(), node.size(), node.mtime_ns())));
    json!({
        "document": "snapshot",
        "epoch": format!("{epoch:016x}"),
        "seq": seq.to_string(),
        "top": of_top(root.id(), root.name(), root.mode(), root.mtime_ns()),
        "digest": format!("{:032x}", root.digest()),
        "entries": entries.collect::<Vec<_>>(),
    })
}
