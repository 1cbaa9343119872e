//! What was imported: which hours of the archive came from files of elsewhere and not from the stream, and how far each import is.

use serde::{Deserialize, Serialize};

/// How far an import is. Its hours are written in order of time, so one number tells which of them are in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Those of its hours that begin before this time are done, milliseconds since the epoch.
    pub until_ms: i64,
    /// Hours that it has added.
    pub hours: u64,
    /// Readings in them.
    pub readings: u64,
}

impl Default for Import {
    /// One that has not begun.
    fn default() -> Self {
        Self { until_ms: i64::MIN, hours: 0, readings: 0 }
    }
}
