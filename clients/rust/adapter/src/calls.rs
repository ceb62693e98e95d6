//! Requests that a server answers once.

use std::time::Duration;

use serde_json::{Value, json};
use smart_tree_sse::Error;
use smart_tree_sse::api::{ChangesRequest, Client, SearchRequest, TreeRequest};

use crate::request::{Fault, flag, list, options, text, word};

pub async fn call(request: &Value) -> Result<Value, Fault> {
    let client = Client::with_options(text(request, "url")?, options(request))?;
    match answer(&client, text(request, "call")?, &request["arguments"]).await {
        Ok(answer) => Ok(json!({ "answer": answer })),
        Err(Error::Http(problem)) => Ok(json!({"problem": {"status": problem.status, "code": problem.code}})),
        Err(error) => Err(error.into()),
    }
}

async fn answer(client: &Client, call: &str, arguments: &Value) -> Result<Value, Error> {
    let path = word(&arguments["path"]).map(String::into_bytes);
    Ok(match call {
        "clock" => serde_json::to_value(client.clock(flag(&arguments["sync"])).await?)?,
        "tree" => serde_json::to_value(client.tree(&tree(arguments, path)).await?)?,
        "changes" => {
            let since = word(&arguments["since"]).unwrap_or_default();
            serde_json::to_value(client.changes(&since, &changes(arguments, path)).await?)?
        }
        "stats" => {
            let window = word(&arguments["window"]);
            serde_json::to_value(client.stats(path.as_deref(), window.as_deref()).await?)?
        }
        "search" => {
            let (mut search, mut all) = (client.search(&search(arguments, path)).await?, Vec::new());
            while let Some(found) = search.next().await {
                all.push(serde_json::to_value(found?)?);
            }
            all.into()
        }
        "watch-list" => serde_json::to_value(client.roots().await?)?,
        "watch-add" => serde_json::to_value(client.add_root(&path.unwrap_or_default()).await?)?,
        "watch-remove" => serde_json::to_value(client.remove_root(&path.unwrap_or_default()).await?)?,
        "ticket" => serde_json::to_value(client.ticket().await?)?,
        other => return Err(Error::Options(format!("no such call: {other}"))),
    })
}

fn number(value: &Value) -> Option<u64> {
    word(value)?.parse().ok()
}

fn tree(arguments: &Value, path: Option<Vec<u8>>) -> TreeRequest {
    TreeRequest {
        path,
        mode: word(&arguments["mode"]),
        depth: number(&arguments["depth"]).map(|depth| depth as u32),
        tree: word(&arguments["tree"]),
        sync: flag(&arguments["sync"]),
    }
}

fn changes(arguments: &Value, path: Option<Vec<u8>>) -> ChangesRequest {
    ChangesRequest {
        wait: Duration::from_secs(number(&arguments["wait"]).unwrap_or(0)),
        sync: flag(&arguments["sync"]),
        path,
        include: list(&arguments["include"]),
        exclude: list(&arguments["exclude"]),
        types: list(&arguments["types"]),
        only: word(&arguments["only"]),
    }
}

fn search(arguments: &Value, path: Option<Vec<u8>>) -> SearchRequest {
    SearchRequest {
        q: word(&arguments["q"]).unwrap_or_default(),
        within: word(&arguments["in"]),
        regex: flag(&arguments["regex"]),
        case: word(&arguments["case"]),
        path,
        glob: word(&arguments["glob"]).map_or_else(|| list(&arguments["glob"]), |glob| vec![glob]),
        context: number(&arguments["context"]).map(|lines| lines as u32),
        limit: number(&arguments["limit"]).map(|limit| limit as u32),
        timeout: number(&arguments["timeout_ms"]).map(Duration::from_millis),
        sync: flag(&arguments["sync"]),
    }
}
