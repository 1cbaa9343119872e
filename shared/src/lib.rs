//! What crosses a process boundary in Vigía: the reading and its codec, the API types, the key names, the settings.
//!
//! In the order in which data passes through them:
//!
//! - [`reading`]: one measurement of an antenna, and the reasons to reject an entry.
//! - [`codec`]: stream fields to reading, and back. The only place that knows the wire format.
//! - [`keys`]: the names of streams, hashes and groups in the broker.
//! - [`api`]: what the dashboard asks analytics, and the JSON that analytics answers.
//! - [`glob`]: patterns of antennas' ids.
//! - [`spelled`]: enumerations whose values have one spelling everywhere.
//! - [`time`]: milliseconds since the epoch, durations in human notation, and the wall clock.
//! - [`settings`]: the settings that programs share, and how a bad value is refused.
//! - `broker`: finds the server that a stream is on, also in a cluster and behind Sentinels; behind the feature of the same name.
//! - [`logging`]: the same logging for every program, as text or as JSON.
//! - `recording`: the rows of recorded measurements; behind the feature `recordings`.
//! - [`throttle`]: how often a log line about the same trouble may be written.
//! - [`spreadsheet`]: what a spreadsheet would take for a formula.
//! - [`shutdown`]: how a program is told to stop.
//! - [`health`]: asks a program on this machine whether it is healthy.
//! - `server`: the HTTP server of analytics and of the dashboard, and who may take how much of it; behind the feature of the same
//!   name.
//! - `testing`: starts programs, ours and a real `redis-server`, for tests; behind the feature of the same name.
//!
//! Nothing else here does network or file IO.

pub mod api;
#[cfg(feature = "broker")]
pub mod broker;
pub mod codec;
pub mod glob;
pub mod health;
pub mod keys;
pub mod logging;
pub mod negotiation;
pub mod reading;
#[cfg(feature = "recordings")]
pub mod recording;
#[cfg(feature = "server")]
pub mod server;
pub mod settings;
pub mod shutdown;
pub mod spelled;
pub mod spreadsheet;
#[cfg(feature = "testing")]
pub mod testing;
pub mod throttle;
pub mod time;

pub use reading::{Reading, Rejection};
pub use time::UnixMillis;
