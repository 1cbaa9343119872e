//! What simulated antennas measure: pure and seeded, so that the simulator and the dashboard's built-in network produce
//! readings in the same way. Time is an argument.
//!
//! - [`antenna`]: one antenna, reading by reading.
//! - [`channel`]: packet losses in bursts.
//! - [`role`]: what happens to an antenna, and when.
//! - [`network`]: a network with some of every kind of trouble, for the dashboard to show.

pub mod antenna;
pub mod channel;
pub mod network;
pub mod role;

pub use antenna::{Antenna, Moment};
pub use network::Network;
pub use role::{Role, Scenario};
