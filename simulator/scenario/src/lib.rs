//! What antennas measure in place of real ones: pure and seeded, so that the simulator and the dashboard's built-in network
//! make their readings alike. Time comes in as an argument.
//!
//! - [`antenna`]: one antenna, reading by reading.
//! - [`channel`]: packet losses in bursts.
//! - [`role`]: what happens to an antenna, and when.
//! - [`network`]: a network that has some of every trouble, for the dashboard to show.

pub mod antenna;
pub mod channel;
pub mod network;
pub mod role;

pub use antenna::{Antenna, Moment};
pub use network::Network;
pub use role::{Role, Scenario};
