//! The mirror for its users: a handle that is cheap to clone, the last of which ends everything.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::changes::{Attributes, TreeChange};
use super::follow::Follower;
use super::mailbox::Mailbox;
use super::subscription::{Subscriber, Subscription, Updates};
use super::tree::Tree;
use super::update::{Recent, Update};
use crate::error::Error;
use crate::glob::Glob;
use crate::options::Options;
use crate::query::Query;
use crate::transport::Transport;

/// What the task behind a mirror and its handles share.
pub(super) struct Shared {
    tree: RwLock<Tree>,
    state: watch::Sender<State>,
    readers: Mutex<Readers>,
}

#[derive(Clone)]
enum State {
    Waiting,
    Ready,
    Ended(Error),
}

/// Each is alive as long as somebody may read it.
#[derive(Default)]
struct Readers {
    subscribers: Vec<Weak<Subscriber>>,
    updates: Vec<Weak<Mailbox<Recent>>>,
    ended: bool,
}

impl Shared {
    fn new() -> Self {
        Self { tree: RwLock::default(), state: watch::Sender::new(State::Waiting), readers: Mutex::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Tree> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tree is replaced by a whole one, or changed by what undoes itself when it fails.
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Tree> {
        self.tree.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.state.borrow(), State::Ready)
    }

    pub(super) fn tell(&self, update: Update) {
        self.readers().updates.retain(|reader| {
            reader.upgrade().is_some_and(|reader| {
                reader.give(update.clone());
                true
            })
        });
    }

    pub(super) fn tell_applied(&self, clock: &str) {
        let (digest, entries) = {
            let tree = self.read();
            (tree.digest(), tree.len())
        };
        self.tell(Update::Applied { clock: clock.to_owned(), digest, entries });
        self.state.send_if_modified(|state| {
            let first = matches!(state, State::Waiting);
            if first {
                *state = State::Ready;
            }
            first
        });
    }

    /// `changes` are worked out only if there is a subscriber. The tree is locked meanwhile, so that whoever subscribes
    /// and then looks at it misses nothing between.
    pub(super) fn tell_subscribers(&self, changes: impl FnOnce() -> Vec<TreeChange>) {
        let mut readers = self.readers();
        readers.subscribers.retain(|reader| reader.strong_count() > 0);
        if readers.subscribers.is_empty() {
            return;
        }
        let changes = changes();
        for subscriber in readers.subscribers.iter().filter_map(Weak::upgrade) {
            let matching: Vec<_> = changes.iter().filter(|change| change.matches(&subscriber.globs)).cloned().collect();
            if !matching.is_empty() {
                subscriber.mailbox.give(matching);
            }
        }
    }

    pub(super) fn end(&self, error: Error) {
        self.tell(Update::Ended(error.clone()));
        self.state.send_replace(State::Ended(error));
        self.close();
    }

    fn close(&self) {
        let mut readers = self.readers();
        readers.ended = true;
        readers.subscribers.iter().filter_map(Weak::upgrade).for_each(|reader| reader.mailbox.close());
        readers.updates.iter().filter_map(Weak::upgrade).for_each(|reader| reader.close());
    }

    fn subscribe(&self, globs: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Subscription {
        let globs = globs.into_iter().map(Glob::new).collect();
        let subscriber = Arc::new(Subscriber { globs, mailbox: Mailbox::default() });
        let mut readers = self.readers();
        if readers.ended {
            subscriber.mailbox.close();
        }
        readers.subscribers.push(Arc::downgrade(&subscriber));
        Subscription(subscriber)
    }

    fn updates(&self) -> Updates {
        let mailbox = Arc::new(Mailbox::default());
        let mut readers = self.readers();
        if readers.ended {
            mailbox.close();
        }
        readers.updates.push(Arc::downgrade(&mailbox));
        Updates(mailbox)
    }
}

/// Says what a mirror is to be of; see [`Mirror::builder`].
pub struct MirrorBuilder {
    url: String,
    options: Options,
    query: Query,
    shared: Arc<Shared>,
}

impl MirrorBuilder {
    /// How to reach the server.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// What part of the tree: `path`, `include`, `exclude` and `types` count.
    #[must_use]
    pub fn query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    /// As [`Mirror::subscribe`], from the first tree on.
    pub fn subscribe(&self, globs: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Subscription {
        self.shared.subscribe(globs)
    }

    /// As [`Mirror::updates`], from the first connection on.
    #[must_use]
    pub fn updates(&self) -> Updates {
        self.shared.updates()
    }

    /// A mirror that tries until there is a server; [`Mirror::ready`] waits for its first tree.
    ///
    /// # Errors
    /// If the address or the options can't be.
    ///
    /// # Panics
    /// Outside of a runtime of tokio.
    pub fn start(self) -> Result<Mirror, Error> {
        let (follower, shared) = self.follower()?;
        Ok(Mirror::over(follower, shared))
    }

    /// Connects, once, and waits for the first tree.
    ///
    /// # Errors
    /// If there is no connection, no stream, or the stream ends for good.
    pub async fn connect(self) -> Result<Mirror, Error> {
        let (mut follower, shared) = self.follower()?;
        follower.open().await?;
        let mirror = Mirror::over(follower, shared);
        mirror.ready().await?;
        Ok(mirror)
    }

    fn follower(self) -> Result<(Follower, Arc<Shared>), Error> {
        let transport = Transport::new(&self.url, self.options)?;
        Ok((Follower::new(Arc::clone(&self.shared), transport, self.query), self.shared))
    }
}

/// An exact, live mirror of a remote tree, kept up in the background.
///
/// It is at every moment the whole tree of one clock. A clone is another handle on the same mirror; when the last one is
/// dropped, everything ends.
///
/// ```no_run
/// # async fn example() -> Result<(), smart_tree_sse::Error> {
/// use smart_tree_sse::Mirror;
///
/// let mirror = Mirror::connect("http://localhost:8973").await?;
/// let mut changes = mirror.subscribe(["*.rs", "Cargo.toml"]);
/// println!("{} entries", mirror.tree().len());
/// while let Some(change) = changes.next().await {
///     println!("{} was {:?}", change.path, change.change_type);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Mirror {
    shared: Arc<Shared>,
    _task: Arc<Task>,
}

struct Task {
    handle: JoinHandle<()>,
    shared: Arc<Shared>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
        self.shared.close();
    }
}

impl Mirror {
    /// Says what the mirror of the server at this address is to be of.
    #[must_use]
    pub fn builder(url: impl Into<String>) -> MirrorBuilder {
        let (options, query) = (Options::default(), Query::default());
        MirrorBuilder { url: url.into(), options, query, shared: Arc::new(Shared::new()) }
    }

    /// Connects to the server at this address, once, and waits for the first tree.
    ///
    /// # Errors
    /// If there is no connection, no stream, or the stream ends for good.
    pub async fn connect(url: impl Into<String>) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    fn over(follower: Follower, shared: Arc<Shared>) -> Self {
        let handle = tokio::spawn(follower.run());
        let task = Task { handle, shared: Arc::clone(&shared) };
        Self { shared, _task: Arc::new(task) }
    }

    /// Waits until there is a tree.
    ///
    /// # Errors
    /// What the stream has ended by for good, also if there was a tree before.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut states = self.shared.state.subscribe();
        let state = states.wait_for(|state| !matches!(state, State::Waiting)).await;
        match state.map_or(State::Waiting, |state| state.clone()) {
            State::Ended(error) => Err(error),
            _ => Ok(()),
        }
    }

    /// The tree as it is now. It does not change as long as this is held, so hold it shortly, and over no `await`.
    #[must_use]
    pub fn tree(&self) -> View<'_> {
        View(self.shared.read())
    }

    /// What the entry at this absolute path is like, if there is one.
    #[must_use]
    pub fn get(&self, path: impl AsRef<[u8]>) -> Option<Attributes> {
        let tree = self.shared.read();
        let node = tree.get(path)?;
        Some(Attributes { mode: node.mode(), size: node.size(), mtime_ns: node.mtime_ns() })
    }

    /// Each change from now on of an entry that one of these globs matches; see [`Glob`].
    pub fn subscribe(&self, globs: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Subscription {
        self.shared.subscribe(globs)
    }

    /// What becomes of the mirror from now on.
    #[must_use]
    pub fn updates(&self) -> Updates {
        self.shared.updates()
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").finish_non_exhaustive()
    }
}

impl fmt::Debug for MirrorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, options, query, .. } = self;
        f.debug_struct("MirrorBuilder").field("url", url).field("options", options).field("query", query).finish()
    }
}

/// The tree of a mirror, which stands still as long as this is held.
#[derive(Debug)]
pub struct View<'a>(RwLockReadGuard<'a, Tree>);

impl Deref for View<'_> {
    type Target = Tree;

    fn deref(&self) -> &Tree {
        &self.0
    }
}
