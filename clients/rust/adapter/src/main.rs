//! The adapter: a JSON object a line in, lines of JSON out. It holds no logic of its own; see clients/contract/README.md.

mod calls;
mod documents;
mod request;
mod sessions;

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use request::{Fault, Lines, text};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let (sender, mut lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let requests = io::stdin().lock().lines().map_while(Result::ok);
        requests.map_while(|line| sender.send(line).ok()).for_each(drop);
    });
    while let Some(line) = lines.recv().await {
        let answer = match answer(&line, &mut lines).await {
            Ok(answer) => answer,
            Err(Fault::Refused(error)) => json!({"refused": error.code(), "offset": error.offset()}),
            Err(Fault::Failed(error)) => json!({"failed": error}),
        };
        tell(&answer)?;
    }
    Ok(())
}

async fn answer(line: &str, lines: &mut Lines) -> Result<Value, Fault> {
    let request: Value = serde_json::from_str(line)?;
    match text(&request, "do")? {
        "decode" => documents::decode(&request),
        "text" => documents::from_text(&request),
        "apply" => documents::apply(&request),
        "assemble" => documents::assemble(&request),
        "parse" => documents::parse(&request),
        "glob" => documents::glob(&request),
        "call" => calls::call(&request).await,
        "stream" => sessions::stream(&request, lines).await,
        "mirror" => sessions::mirror(&request, lines).await,
        other => Err(Fault::Failed(format!("no such request: {other}"))),
    }
}

fn tell(answer: &Value) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{answer}")?;
    output.flush()
}
