//! What antennas measure in place of real ones: pure and seeded, so that the simulator and the dashboard's built-in network
//! make their readings alike. Time comes in as an argument.
//!
//! - [`antenna`]: one antenna, reading by reading.
//! - [`channel`]: packet losses in bursts.
//! - [`role`]: what happens to an antenna, and when.

pub mod antenna;
pub mod channel;
pub mod role;

pub use antenna::{Antenna, Moment};
pub use role::Scenario;
