//! Real programs for tests and measurements, behind the feature `testing`.
//!
//! - [`program`]: starts a program, keeps what it writes, reads from its log where it answers, signals it, and kills it
//!   with the value that stands for it.
//! - [`redis`]: a `redis-server` on a port of its own.
//! - [`cluster`]: several of them as a Redis Cluster.
//! - [`sentinel`]: a master with a replica, and a Sentinel that watches over them.
//! - [`reservation`]: a port that is known before anything listens on it.
//! - [`http`]: asks a program over HTTP.
//! - [`wait`]: waits for a condition, with a deadline and a message that says what was seen instead.
//!
//! All of it panics where something is not as it has to be: in a test, a panic is the report.

pub mod cluster;
pub mod http;
pub mod program;
pub mod redis;
pub mod reservation;
pub mod sentinel;
pub mod wait;

pub use cluster::RedisCluster;
pub use http::Answer;
pub use program::{Ended, Program, Signal, built};
pub use redis::RedisServer;
pub use reservation::Reservation;
pub use sentinel::Watched;
pub use wait::{DEADLINE, until, until_async};
