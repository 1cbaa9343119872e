//! Antennas that report to the broker: simulated ones, or a recording of real ones played back.
//!
//! In the order in which a reading passes through:
//!
//! - [`settings`]: what the program can be told.
//! - the crate `scenario`: what one antenna measures, pure and seeded.
//! - [`fleet`]: decides which antenna takes a reading when; [`run`] publishes all readings.
//! - [`replay`]: publishes the rows of a recording.
//! - [`publish`]: offers batches to a [`Sink`] until it takes them; bounded, in order, and any loss is reported.
//! - [`partitioned`]: a sink for each partition, as one.
//! - [`redis_sink`]: the sinks that write to Redis. Only this module names Redis.

pub mod fleet;
pub mod partitioned;
pub mod publish;
pub mod redis_sink;
pub mod replay;
pub mod settings;

pub use fleet::run;
pub use publish::{Report, SendError, Sink};
pub use scenario::Scenario;
pub use settings::{ConfirmSettings, FleetSettings};
