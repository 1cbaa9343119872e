//! What crosses a process boundary in Vigía: the reading and its codec, the API types, the key names, the settings.
//!
//! In the order in which data meets them:
//!
//! - [`reading`]: one measurement of an antenna, and why an entry may not be one.
//! - [`codec`]: stream fields to reading, and back. The only place that knows the wire format.
//! - [`keys`]: the names of streams, hashes and groups in the broker.
//! - [`api`]: the JSON that analytics answers and the dashboard reads.
//! - [`time`]: milliseconds since the epoch, and durations as people write them.
//! - [`settings`]: what every program can be told, and how a bad value is refused.
//! - [`logging`]: one way to log, as text or as JSON.
//! - [`shutdown`]: how a program is told to end.
//! - [`health`]: asks a program on this machine whether it is well.
//! - `testing`: a real `redis-server` for tests, behind the feature of that name.
//!
//! Nothing else here does network or file IO.

pub mod api;
pub mod codec;
pub mod health;
pub mod keys;
pub mod logging;
pub mod negotiation;
pub mod reading;
pub mod settings;
pub mod shutdown;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;

pub use reading::{Reading, Rejection};
pub use time::UnixMillis;
