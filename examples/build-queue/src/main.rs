//! `build-queue URL`: checks the crates of the tree that the server at URL watches on this machine, as they change.

use std::error::Error;
use std::path::PathBuf;
use std::process::Output;

use build_queue::Queue;
use smart_tree_sse::Mirror;
use tokio::process::Command;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: build-queue URL")?;
    let mirror = Mirror::connect(url).await?;
    let mut changes = mirror.subscribe(["*.rs", "Cargo.toml"]);
    println!("watching {} entries", mirror.tree().len());
    let mut queue = Queue::default();
    loop {
        let Some(manifest) = queue.pop() else {
            let Some(change) = changes.next().await else { break };
            queue.push(change.path.as_ref());
            continue;
        };
        let check = check(manifest.clone());
        tokio::pin!(check);
        let output = loop {
            tokio::select! {
                output = &mut check => break output?,
                Some(change) = changes.next() => queue.push(change.path.as_ref()),
            }
        };
        report(&manifest, &output);
    }
    mirror.ready().await.map_err(Into::into) // what it has ended by
}

async fn check(manifest: PathBuf) -> std::io::Result<Output> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo).args(["check", "-q", "--manifest-path"]).arg(manifest).kill_on_drop(true).output().await
}

fn report(manifest: &std::path::Path, output: &Output) {
    if output.status.success() {
        println!("ok {}", manifest.display());
    } else {
        println!("failed {}\n{}", manifest.display(), String::from_utf8_lossy(&output.stderr).trim_end());
    }
}
