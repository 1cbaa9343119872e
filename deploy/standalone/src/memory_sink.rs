//! Lets the simulator write to the in-process log.

use analytics::ingest::log::MemoryLog;
use shared::codec::encode;
use shared::{Reading, UnixMillis};
use simulator::{SendError, Sink};

/// Appends readings to a [`MemoryLog`], in the wire format that Redis would carry.
#[derive(Debug)]
pub struct MemorySink {
    log: MemoryLog,
}

impl MemorySink {
    /// A sink for a log.
    #[must_use]
    pub const fn new(log: MemoryLog) -> Self {
        Self { log }
    }
}

impl Sink for MemorySink {
    async fn send(&mut self, batch: &[Reading]) -> Result<(), SendError> {
        for reading in batch {
            self.log.add(UnixMillis::now(), &encode(reading));
        }
        Ok(())
    }
}
