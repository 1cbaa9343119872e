//! The file of the registry, which may be replaced while the program runs.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{FILE_BYTES_MAX, Notation, Registry};

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The registry of a file, as it was when all of it could be used last. A clone is the same one.
#[derive(Clone)]
pub struct KeptRegistry(Arc<Inner>);

struct Inner {
    /// `None` where there is no file.
    path: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    registry: Arc<Registry>,
    /// What the registry was read from.
    in_use: Content,
    /// What the file held when it was looked at last.
    seen: Content,
    /// What is wrong with the file, as long as something is.
    trouble: Option<String>,
}

/// What a file held.
#[derive(Clone, PartialEq, Eq)]
enum Content {
    /// Its SHA-256.
    Bytes(Vec<u8>),
    /// It could not be read.
    Unread,
}

impl KeptRegistry {
    /// The registry of a file; an empty one where there is no file.
    ///
    /// # Errors
    /// A line that names the setting and the file, says what is wrong with it, and where.
    pub fn open(path: Option<&Path>) -> Result<Self, String> {
        let (registry, content) = match path {
            None => (Registry::default(), Content::Unread),
            Some(path) => {
                let bytes = bytes(path)?;
                (registry(path, &bytes)?, Content::of(&bytes))
            }
        };
        let (seen, registry) = (content.clone(), Arc::new(registry));
        let state = State { registry, in_use: content, seen, trouble: None };
        Ok(Self(Arc::new(Inner { path: path.map(Path::to_owned), state: Mutex::new(state) })))
    }

    /// What is in force.
    #[must_use]
    pub fn current(&self) -> Arc<Registry> {
        Arc::clone(&self.0.state.lock().registry)
    }

    /// Whether there is a file.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.0.path.is_some()
    }

    /// What is wrong with the file as it is now, while what was read before stays in force.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.0.state.lock().trouble.clone()
    }

    /// Looks at the file every second, until `stop`.
    pub async fn keep(self, stop: CancellationToken) {
        if self.0.path.as_ref().is_none_or(|path| !path.is_file()) {
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
        let Some(path) = &self.0.path else { return };
        let read = bytes(path);
        let content = read.as_ref().map_or(Content::Unread, |bytes| Content::of(bytes));
        {
            let mut state = self.0.state.lock();
            let is_settled = state.seen == content;
            state.seen = content.clone();
            if !is_settled {
                return;
            }
            if content == state.in_use {
                state.trouble = None;
                return;
            }
        }
        match read.and_then(|bytes| registry(path, &bytes)) {
            Ok(registry) => {
                let (antennas, globs) = (registry.antennas.len(), registry.globs.len());
                info!(file = %path.display(), antennas, globs, "what antennas are has changed");
                let mut state = self.0.state.lock();
                *state = State { registry: Arc::new(registry), in_use: content.clone(), seen: content, trouble: None };
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

impl Default for KeptRegistry {
    /// Without a file.
    fn default() -> Self {
        Self::from(Registry::default())
    }
}

impl From<Registry> for KeptRegistry {
    /// One that stays as it is.
    fn from(registry: Registry) -> Self {
        let (in_use, seen) = (Content::Unread, Content::Unread);
        let state = State { registry: Arc::new(registry), in_use, seen, trouble: None };
        Self(Arc::new(Inner { path: None, state: Mutex::new(state) }))
    }
}

impl fmt::Debug for KeptRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeptRegistry").field(&self.0.path).finish()
    }
}

impl Content {
    fn of(bytes: &[u8]) -> Self {
        Self::Bytes(digest(&SHA256, bytes).as_ref().to_vec())
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = |file: File| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    File::open(path).and_then(read).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => bad(path, "there is no such file"),
        _ => bad(path, &error.to_string()),
    })?;
    Ok(bytes)
}

fn registry(path: &Path, bytes: &[u8]) -> Result<Registry, String> {
    Registry::read(bytes, Notation::of(path)).map_err(|fault| bad(path, &fault.to_string()))
}

fn bad(path: &Path, why: &str) -> String {
    format!("bad file {} of --antennas-file (ANTENNAS_FILE): {why}", path.display())
}
