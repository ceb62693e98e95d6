//! What a request holds.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use smart_tree_sse::qtn1::QtnError;
use smart_tree_sse::{Error, Options, Query};
use tokio::sync::mpsc::UnboundedReceiver;

pub type Lines = UnboundedReceiver<String>;

/// Why a request has no answer.
pub enum Fault {
    Refused(QtnError),
    Failed(String),
}

impl From<QtnError> for Fault {
    fn from(error: QtnError) -> Self {
        Self::Refused(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Failed(error.to_string())
    }
}

pub fn text<'a>(request: &'a Value, name: &str) -> Result<&'a str, Fault> {
    request[name].as_str().ok_or_else(|| Fault::Failed(format!("{name} is missing")))
}

pub fn from_base64(value: &Value) -> Result<Vec<u8>, Fault> {
    let bytes = value.as_str().and_then(|encoded| STANDARD.decode(encoded).ok());
    bytes.ok_or_else(|| Fault::Failed("no base64".to_owned()))
}

pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn from_hex(text: &str) -> Result<Vec<u8>, Fault> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Option<Vec<u8>> = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect();
    bytes.ok_or_else(|| Fault::Failed("no hex".to_owned()))
}

pub fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(word).collect()
}

/// A string, or a number as one.
pub fn word(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned).or_else(|| value.is_number().then(|| value.to_string()))
}

pub fn flag(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || word(value).as_deref() == Some("1")
}

pub fn options(request: &Value) -> Options {
    let (told, default) = (&request["options"], Options::default());
    let seconds = |name: &str, default| told[name].as_f64().map_or(default, Duration::from_secs_f64);
    let bytes = |name: &str, default| told[name].as_u64().map_or(default, |bytes| bytes as usize);
    Options {
        token: word(&told["token"]),
        ca_file: word(&told["ca_file"]).map(Into::into),
        silence: seconds("silence_s", default.silence),
        request_timeout: seconds("request_timeout_s", default.request_timeout),
        retry_max: seconds("retry_max_s", default.retry_max),
        max_event_bytes: bytes("max_event_bytes", default.max_event_bytes),
        max_batch_bytes: bytes("max_batch_bytes", default.max_batch_bytes),
    }
}

pub fn query(request: &Value) -> Query {
    let told = &request["query"];
    let commas = |name: &str| word(&told[name]).map(|all| all.split(',').map(str::to_owned).collect());
    Query {
        since: word(&told["since"]),
        path: word(&told["path"]).map(String::into_bytes),
        events: commas("events").unwrap_or_default(),
        mode: word(&told["mode"]),
        tree: word(&told["tree"]),
        only: word(&told["only"]),
        include: list(&told["include"]),
        exclude: list(&told["exclude"]),
        types: list(&told["types"]),
    }
}
