//! Sessions: what a stream or a mirror tells, until the session is stopped.

use serde_json::{Value, json};
use smart_tree_sse::mirror::{Mirror, Subscription, TreeChange, Update};
use smart_tree_sse::{Error, Event, SseClient};

use crate::request::{Fault, Lines, list, options, query, text, to_hex};
use crate::tell;

pub async fn stream(request: &Value, lines: &mut Lines) -> Result<Value, Fault> {
    let builder = SseClient::builder(text(request, "url")?).options(options(request)).query(query(request));
    let mut client = Some(builder.start()?);
    loop {
        let event = async {
            match &mut client {
                Some(client) => client.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            line = lines.recv() => match line.as_deref().and_then(asks_for).as_deref() {
                Some("list") => {}
                _ => break,
            },
            event = event => match event {
                Some(Ok(Event::Lost(error))) => say(&json!({"lost": error.to_string()})),
                Some(Ok(_)) => client.iter().for_each(tell_event),
                Some(Err(error)) => say(&json!({"ended": error.code()})),
                None => client = None,
            },
        }
    }
    drop(client);
    Ok(json!({"stopped": true}))
}

fn tell_event(client: &SseClient<'_>) {
    let (Some(frame), Some(clock)) = (client.frame(), client.clock()) else { return };
    let data = frame.data.as_deref().unwrap_or_default();
    let data = if frame.event == "quantum" { data.into() } else { serde_json::from_str(data).unwrap_or(Value::Null) };
    say(&json!({"event": frame.event, "data": data, "id": clock}));
}

pub async fn mirror(request: &Value, lines: &mut Lines) -> Result<Value, Fault> {
    let globs = list(&request["globs"]);
    let builder = Mirror::builder(text(request, "url")?).options(options(request)).query(query(request));
    let (mut changes, mut updates) = (builder.subscribe(&globs), builder.updates());
    let mirror = builder.start()?;
    let (mut ahead, mut updating) = (None, true);
    loop {
        tokio::select! {
            update = updates.next(), if updating => match update {
                Some(update) => {
                    tell_changes(&update, &mut changes, &mut ahead);
                    say(&of_update(update));
                }
                None => updating = false,
            },
            line = lines.recv() => match line.as_deref().and_then(asks_for).as_deref() {
                Some("list") => say(&json!({"entries": entries(&mirror)})),
                _ => break,
            },
        }
    }
    drop(mirror);
    Ok(json!({"stopped": true}))
}

/// The changes of what was applied; `ahead` is one of a later clock, which was read to see that.
fn tell_changes(update: &Update, changes: &mut Subscription, ahead: &mut Option<TreeChange>) {
    let Update::Applied { clock, .. } = update else { return };
    while let Some(change) = ahead.take().or_else(|| changes.try_next()) {
        if *change.clock != **clock {
            *ahead = Some(change);
            return;
        }
        say(&json!({"told": of_change(&change)}));
    }
}

fn of_change(change: &TreeChange) -> Value {
    let kind = format!("{:?}", change.change_type).to_lowercase();
    let mut told = json!({"type": kind, "path": to_hex(change.path.as_bytes())});
    if let Some(old_path) = &change.old_path {
        told["old_path"] = to_hex(old_path.as_bytes()).into();
    }
    told
}

fn of_update(update: Update) -> Value {
    match update {
        Update::Rebased { reason, clock, fetched } => {
            json!({"rebased": reason.as_str(), "clock": clock, "fetched": fetched})
        }
        Update::Applied { clock, digest, entries } => {
            json!({"applied": clock, "digest": format!("{digest:032x}"), "entries": entries})
        }
        Update::Lost(error) => json!({"lost": error.to_string()}),
        Update::Ended(error) => json!({"ended": Error::code(&error)}),
        _ => Value::Null,
    }
}

fn entries(mirror: &Mirror) -> Vec<Value> {
    let tree = mirror.tree();
    let mut nodes: Vec<_> = tree.iter().map(|node| (tree.path(node), node)).collect();
    nodes.sort_by(|a, b| a.0.cmp(&b.0));
    let told = nodes.iter().map(|(path, node)| {
        json!([to_hex(path.as_bytes()), node.mode(), node.size().to_string(), node.mtime_ns().to_string()])
    });
    told.collect()
}

fn asks_for(line: &str) -> Option<String> {
    serde_json::from_str::<Value>(line).ok()?["do"].as_str().map(str::to_owned)
}

/// Who no longer listens has ended the input too.
fn say(line: &Value) {
    tell(line).unwrap_or(());
}
