//! An opening's trees: whole, or made of the groups that are held and those that were fetched.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::task::{JoinError, JoinSet};

use crate::error::{Error, Problem};
use crate::qtn1::{Group, Manifest, QtnError, address, from_text, groups};
use crate::sse::{Frame, TooLarge};
use crate::stream::check_protocol;
use crate::transport::{Request, Transport};

/// How many groups are fetched at a time.
const AT_ONCE: usize = 8;

/// A tree as the opening tells it.
#[derive(Deserialize)]
struct Told {
    compressed: Option<String>,
    manifest: Option<String>,
    reason: Option<String>,
}

/// The snapshots of an opening, as bytes.
pub(super) struct Opening {
    pub(super) documents: Vec<Arc<Vec<u8>>>,
    pub(super) is_rebase: bool,
    pub(super) fetched: usize,
}

/// Groups by their addresses.
type Known = HashMap<u128, Vec<u8>>;

/// Why an opening can't be used.
pub(super) enum Refusal {
    /// A document is wrong.
    Damaged(Error),
    /// A group is not what its address says, or can't be had.
    Group(Error),
    /// The connection, or the protocol.
    Failed(Error),
}

impl From<QtnError> for Refusal {
    fn from(error: QtnError) -> Self {
        Self::Damaged(error.into())
    }
}

impl From<JoinError> for Refusal {
    /// The runtime is being shut down.
    fn from(_: JoinError) -> Self {
        Self::Failed(Error::Closed)
    }
}

impl Opening {
    /// Of these frames, all of event `tree`; `held` are the snapshots of the opening before.
    pub(super) async fn of(frames: Vec<Frame>, held: &[Arc<Vec<u8>>], transport: &Transport) -> Result<Self, Refusal> {
        let mut opening = Self { documents: Vec::new(), is_rebase: false, fetched: 0 };
        let mut known = None;
        for frame in frames {
            let data = frame.data.unwrap_or_default();
            let told = tokio::task::spawn_blocking(move || Told::of(&data)).await??;
            opening.is_rebase |= told.reason.as_deref() == Some("rebase");
            let document = if let Some(manifest) = told.manifest {
                let known = match &mut known {
                    Some(known) => known,
                    none => none.insert(known_groups(held.to_vec()).await?),
                };
                let manifest = Manifest::decode(&from_text(&manifest)?)?;
                let (document, fetched) = assemble(manifest, known, transport).await?;
                opening.fetched += fetched;
                document
            } else {
                from_text(&told.compressed.unwrap_or_default())?
            };
            opening.documents.push(Arc::new(document));
        }
        Ok(opening)
    }
}

impl Told {
    fn of(data: &str) -> Result<Self, Refusal> {
        check_protocol(data).map_err(|error| match error {
            Error::Protocol { .. } => Refusal::Failed(error),
            _ => Refusal::Damaged(error),
        })?;
        serde_json::from_str(data).map_err(|error| Refusal::Damaged(error.into()))
    }
}

/// What is held was taken before: each part of it is right.
async fn known_groups(held: Vec<Arc<Vec<u8>>>) -> Result<Known, Refusal> {
    let work = move || {
        let mut known = Known::new();
        for document in held {
            for range in groups(&document)? {
                let group = document[range].to_vec();
                known.insert(address(&group)?, group);
            }
        }
        Ok::<_, QtnError>(known)
    };
    Ok(tokio::task::spawn_blocking(work).await??)
}

async fn assemble(manifest: Manifest, known: &mut Known, transport: &Transport) -> Result<(Vec<u8>, usize), Refusal> {
    let missing: HashMap<u128, Group> = manifest.groups().map(|told| (told.address, told)).collect();
    let missing = missing.into_values().filter(|told| !known.contains_key(&told.address)).collect();
    let fetched = fetch_all(missing, transport).await?;
    let count = fetched.len();
    known.extend(fetched);
    let parts: Vec<_> = manifest.groups().map(|told| known[&told.address].clone()).collect();
    let document = tokio::task::spawn_blocking(move || manifest.assemble(&parts)).await??;
    Ok((document, count))
}

/// These groups, some at a time, as they come. The first that fails ends those that are under way.
async fn fetch_all(missing: Vec<Group>, transport: &Transport) -> Result<Known, Refusal> {
    let (mut missing, mut fetched, mut tasks) = (missing.into_iter(), Known::new(), JoinSet::new());
    loop {
        for told in missing.by_ref().take(AT_ONCE - tasks.len()) {
            let transport = transport.clone();
            tasks.spawn(async move { Ok::<_, Refusal>((told.address, fetch(told, &transport).await?)) });
        }
        let Some(done) = tasks.join_next().await else { return Ok(fetched) };
        fetched.extend([done??]);
    }
}

/// No more of an answer is read than its group may have.
async fn fetch(told: Group, transport: &Transport) -> Result<Vec<u8>, Refusal> {
    let path = format!("/chunk/{:032x}", told.address);
    let mut request = Request::get(&path, Vec::new());
    request.accept = "*/*";
    let size = usize::try_from(told.stored_size).unwrap_or(usize::MAX);
    match transport.call_bounded(request, Duration::ZERO, size).await {
        Ok(group) if address(&group) == Ok(told.address) && group.len() == size => Ok(group),
        Err(Error::TooLarge(TooLarge { limit })) if limit < size => Err(Refusal::Failed(TooLarge { limit }.into())),
        Ok(_) | Err(Error::TooLarge(_)) => Err(Refusal::Group(QtnError::new("address", 0).into())),
        Err(error @ Error::Http(Problem { status: 404, .. })) => Err(Refusal::Group(error)),
        Err(error) => Err(Refusal::Failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::{AT_ONCE, Duration, Group, Transport, address, fetch_all};
    use crate::options::Options;

    /// A group of one column, which is this byte.
    fn group(byte: u8) -> Vec<u8> {
        vec![1, 1, byte]
    }

    fn told(byte: u8) -> Group {
        Group { address: address(&group(byte)).expect("it is a column"), stored_size: 3 }
    }

    /// The address that is asked for, at the end of the path.
    async fn asked(talk: &mut TcpStream) -> io::Result<u128> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(talk.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let address = head.split(['/', ' ']).find_map(|part| u128::from_str_radix(part, 16).ok());
        address.ok_or(io::ErrorKind::InvalidData.into())
    }

    /// Answers requests by so many, the last of them first.
    async fn serve(listener: TcpListener, count: usize, at_once: usize) -> io::Result<()> {
        for _ in 0..count / at_once {
            let mut talks = Vec::new();
            for _ in 0..at_once {
                let (mut talk, _) = listener.accept().await?;
                talks.push((asked(&mut talk).await?, talk));
            }
            for (address, mut talk) in talks.into_iter().rev() {
                let byte = (0..=u8::MAX).find(|&byte| told(byte).address == address).unwrap_or(0);
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\n";
                talk.write_all(&[head.as_slice(), &group(byte)].concat()).await?;
            }
        }
        Ok(())
    }

    #[tokio::test]
    async fn groups_are_fetched_several_at_a_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let options = Options { request_timeout: Duration::from_secs(20), ..Options::default() };
        let transport = Transport::new(&url, options).expect("it is an address");
        let server = tokio::spawn(serve(listener, 2 * AT_ONCE, AT_ONCE));
        let fetched = fetch_all((0..2 * AT_ONCE as u8).map(told).collect(), &transport).await;
        let fetched = fetched.unwrap_or_else(|_| panic!("one was not answered until another had been"));
        assert_eq!(fetched.len(), 2 * AT_ONCE);
        assert!((0..2 * AT_ONCE as u8).all(|byte| fetched[&told(byte).address] == group(byte)));
        server.await.expect("it ends").expect("it was asked as it should be");
    }
}
