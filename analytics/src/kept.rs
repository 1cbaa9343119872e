//! A file that an operator writes, which may be replaced while the program runs.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use shared::settings::named;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::fault::Fault;

/// How often a file is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// What a file is read as.
pub trait Content: Sized + Send + Sync + 'static {
    /// The variable that names the file.
    const SETTING: &'static str;

    /// A file holds no more bytes than this.
    const BYTES_MAX: u64;

    /// Reads a file, all of it or nothing.
    ///
    /// # Errors
    /// The first thing that is wrong with it, and where.
    fn read(path: &Path, bytes: &[u8]) -> Result<Self, Fault>;

    /// The files that it names and was read from too: another key in one of them is another content.
    fn files(&self) -> &[PathBuf] {
        &[]
    }

    /// Logs what is in force from now on.
    fn log(&self, path: &Path);
}

/// What a file said when all of it could be used last. A clone is the same one.
pub struct Kept<T>(Arc<Inner<T>>);

struct Inner<T> {
    /// `None` where there is no file.
    path: Option<PathBuf>,
    state: Mutex<State<T>>,
}

struct State<T> {
    content: Arc<T>,
    /// What the content was read from.
    in_use: Held,
    /// What the file held when it was looked at last.
    seen: Held,
    /// What is wrong with the file, as long as something is.
    trouble: Option<String>,
}

/// What a file held.
#[derive(Clone, PartialEq, Eq)]
enum Held {
    /// Its SHA-256, and behind it those of the files that it names.
    Bytes(Vec<u8>),
    /// It could not be read.
    Unread,
}

impl<T: Content> Kept<T> {
    /// What a file says; nothing where there is no file.
    ///
    /// # Errors
    /// A line that names the setting and the file, says what is wrong with it, and where.
    pub fn open(path: Option<&Path>) -> Result<Self, String>
    where
        T: Default,
    {
        let Some(path) = path else { return Ok(Self::default()) };
        let bytes = bytes::<T>(path)?;
        let content = content::<T>(path, &bytes)?;
        let held = Held::of::<T>(&bytes, content.files());
        Ok(Self::new(Some(path.to_owned()), content, held))
    }

    /// What is in force.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.state.lock().content)
    }

    /// The file; `None` where there is none.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What is wrong with the file as it is now, while what was read before stays in force.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.0.state.lock().trouble.clone()
    }

    /// Looks at the file every second, until `stop`.
    pub async fn keep(self, stop: CancellationToken) {
        if self.path().is_none_or(|path| !path.is_file()) {
            // A pipe, as shells make one of `<(command)`, is read once.
            return;
        }
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            let again = self.clone();
            // What is read and compared blocks its thread.
            let _joined = tokio::task::spawn_blocking(move || again.look()).await;
        }
    }

    /// Looks at the file. Where it holds something else, that is taken once it was the same twice: who writes a file in place
    /// has half of it there for a moment, which may look like a whole one. Whatever is wrong with it is told once, and what
    /// was read before stays in force.
    pub fn look(&self) {
        let Some(path) = self.path() else { return };
        let read = bytes::<T>(path);
        let files = self.current();
        let held = read.as_ref().map_or(Held::Unread, |bytes| Held::of::<T>(bytes, files.files()));
        {
            let mut state = self.0.state.lock();
            let is_settled = state.seen == held;
            state.seen = held.clone();
            if !is_settled {
                return;
            }
            if held == state.in_use {
                state.trouble = None;
                return;
            }
        }
        let read = read.and_then(|bytes| content::<T>(path, &bytes).map(|content| (content, bytes)));
        match read {
            Ok((content, bytes)) => {
                content.log(path);
                // It may name other files than the one before.
                let held = Held::of::<T>(&bytes, content.files());
                let content = Arc::new(content);
                *self.0.state.lock() = State { content, in_use: held.clone(), seen: held, trouble: None };
            }
            Err(why) => {
                let mut state = self.0.state.lock();
                if state.trouble.as_ref() != Some(&why) {
                    warn!("{why}; what was read before stays in use");
                    state.trouble = Some(why);
                }
            }
        }
    }
}

impl<T> Kept<T> {
    fn new(path: Option<PathBuf>, content: T, held: Held) -> Self {
        let state = State { content: Arc::new(content), in_use: held.clone(), seen: held, trouble: None };
        Self(Arc::new(Inner { path, state: Mutex::new(state) }))
    }
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Default> Default for Kept<T> {
    /// Without a file.
    fn default() -> Self {
        Self::from(T::default())
    }
}

impl<T> From<T> for Kept<T> {
    /// One that stays as it is.
    fn from(content: T) -> Self {
        Self::new(None, content, Held::Unread)
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.0.path).finish()
    }
}

impl Held {
    /// Of a file, and of those that it names, as far as they can be read.
    fn of<T: Content>(bytes: &[u8], files: &[PathBuf]) -> Self {
        let named = files.iter().map(|file| self::bytes::<T>(file).unwrap_or_default());
        let digests = std::iter::once(digest(&SHA256, bytes)).chain(named.map(|bytes| digest(&SHA256, &bytes)));
        Self::Bytes(digests.flat_map(|digest| digest.as_ref().to_vec()).collect())
    }
}

/// What a file holds, with a byte more where it is too much.
fn bytes<T: Content>(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = |file: File| file.take(T::BYTES_MAX + 1).read_to_end(&mut bytes);
    File::open(path).and_then(read).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => bad::<T>(path, "there is no such file"),
        _ => bad::<T>(path, &error.to_string()),
    })?;
    Ok(bytes)
}

fn content<T: Content>(path: &Path, bytes: &[u8]) -> Result<T, String> {
    T::read(path, bytes).map_err(|fault| bad::<T>(path, &fault.to_string()))
}

fn bad<T: Content>(path: &Path, why: &str) -> String {
    format!("bad file {} of {}: {why}", path.display(), named(T::SETTING))
}
