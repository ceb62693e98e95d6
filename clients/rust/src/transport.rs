//! Requests to one server: its address, the token, the timeouts; answers that are no success become errors.

use std::future::Future;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Method, Response, StatusCode, Url};
use serde::Deserialize;
use tokio::time::timeout;

use crate::error::{Error, Problem};
use crate::options::Options;
use crate::sse::TooLarge;

const PROBLEM_MAX_BYTES: usize = 64 << 10;

/// What an address asks for: names, and values as bytes.
pub(crate) type Parameters = Vec<(&'static str, Vec<u8>)>;

/// One server, and how to reach it.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    base: String,
    pub(crate) options: Options,
}

impl Transport {
    pub(crate) fn new(url: &str, options: Options) -> Result<Self, Error> {
        let base = Url::parse(url).map_err(|error| Error::Options(format!("{url:?} is no address: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.query().is_some() || base.fragment().is_some() {
            return Err(Error::Options(format!("{url:?} is no address of a server: http or https, without a query")));
        }
        let base = base.as_str().trim_end_matches('/').to_owned();
        let mut builder = reqwest::Client::builder().default_headers(headers(&options)?);
        for certificate in certificates(&options)? {
            builder = builder.add_root_certificate(certificate);
        }
        let http = builder.build().map_err(|error| Error::Options(error.without_url().to_string()))?;
        Ok(Self { http, base, options })
    }

    /// A request that is answered by a success, or an error.
    pub(crate) async fn send(&self, request: Request<'_>) -> Result<Response, Error> {
        let url = format!("{}{}{}", self.base, request.path, query(&request.parameters));
        let mut builder = self.http.request(request.method, url).header(ACCEPT, request.accept);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body);
        }
        let response = builder.send().await?;
        if response.status().is_success() { Ok(response) } else { Err(problem(response).await) }
    }

    /// The whole answer of a call, within the timeout and so much besides.
    pub(crate) async fn call(&self, request: Request<'_>, besides: Duration) -> Result<Vec<u8>, Error> {
        self.call_bounded(request, besides, usize::MAX).await
    }

    /// The same, of so many bytes at most.
    pub(crate) async fn call_bounded(
        &self,
        request: Request<'_>,
        besides: Duration,
        limit: usize,
    ) -> Result<Vec<u8>, Error> {
        let limit = limit.min(self.options.max_event_bytes);
        let answer = async { whole(self.send(request).await?, limit).await };
        self.in_time(self.options.request_timeout + besides, answer).await
    }

    pub(crate) async fn in_time<T>(
        &self,
        time: Duration,
        answer: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        timeout(time, answer).await.unwrap_or(Err(Error::Timeout(time)))
    }
}

/// One request.
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) parameters: Parameters,
    pub(crate) accept: &'static str,
    pub(crate) headers: Vec<(&'static str, HeaderValue)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl<'a> Request<'a> {
    pub(crate) fn get(path: &'a str, parameters: Parameters) -> Self {
        let accept = "application/json";
        Self { method: Method::GET, path, parameters, accept, headers: Vec::new(), body: None }
    }
}

fn headers(options: &Options) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    if let Some(token) = &options.token {
        let value = HeaderValue::try_from(format!("Bearer {token}"));
        let mut value = value.map_err(|_| Error::Options("the token can't stand in a header".to_owned()))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn certificates(options: &Options) -> Result<Vec<Certificate>, Error> {
    let Some(file) = &options.ca_file else { return Ok(Vec::new()) };
    let wrong = |error: &dyn std::fmt::Display| Error::Options(format!("{}: {error}", file.display()));
    let pem = std::fs::read(file).map_err(|error| wrong(&error))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))?;
    if certificates.is_empty() { Err(wrong(&"no certificate in it")) } else { Ok(certificates) }
}

/// `?name=value&…`, each byte percent-encoded that is not unreserved.
fn query(parameters: &Parameters) -> String {
    let mut text = String::new();
    for (name, value) in parameters {
        text.push(if text.is_empty() { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for &byte in value {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b',' => {
                    text.push(char::from(byte));
                }
                _ => text.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    text
}

/// All bytes of an answer, no more than so many.
async fn whole(mut response: Response, limit: usize) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if piece.len() > limit - body.len() {
            return Err(TooLarge { limit }.into());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// What a document of RFC 9457 says.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    code: String,
    detail: String,
    clock: Option<String>,
}

async fn problem(response: Response) -> Error {
    let status = response.status();
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = whole(response, PROBLEM_MAX_BYTES).await.unwrap_or_default();
    let details: Details = serde_json::from_slice(&body).unwrap_or_default();
    let detail = if details.detail.is_empty() { reason(status) } else { details.detail };
    Error::Http(Problem {
        status: status.as_u16(),
        code: details.code,
        detail,
        retry_after: seconds.map(Duration::from_secs),
        clock: details.clock,
    })
}

fn reason(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("no reason given").to_owned()
}
