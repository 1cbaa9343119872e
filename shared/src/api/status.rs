//! The status of antennas.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::spelled::spelled;

spelled! {
    /// The status of an antenna in a window: the first of these that applies.
    pub enum Status {
        /// Packets were sent and all were lost.
        Down = "down",
        /// The success rate is below, or the mean latency above, the threshold.
        Degraded = "degraded",
        /// No reading arrived for three of the antenna's usual intervals, and at least 15 s; or, in a window that
        /// ends at a given time, there is no reading in it.
        Silent = "silent",
        /// None of these.
        Healthy = "healthy",
        /// `ANTENNAS_FILE` names the antenna by its exact id, and no reading of it is kept. It is neither known nor retained, so
        /// none of the others applies.
        Unseen = "unseen",
    }
}

/// How many antennas there are, by status. The four statuses but [`Status::Unseen`] add up to the antennas that are known and retained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AntennaCounts {
    /// Antennas with a reading in the window.
    pub active: u64,
    /// See [`Status::Healthy`].
    pub healthy: u64,
    /// See [`Status::Degraded`].
    pub degraded: u64,
    /// See [`Status::Down`].
    pub down: u64,
    /// See [`Status::Silent`].
    pub silent: u64,
    /// See [`Status::Unseen`]; beside those that are known and retained. An older analytics does not report it.
    #[serde(default)]
    pub unseen: u64,
    /// Antennas of any status that are flapping: with as many changes in the window as the setting allows, or more. An older
    /// analytics does not report it, nor the two below.
    #[serde(default)]
    pub flapping: u64,
    /// Antennas that are healthy by what they measured, but were available for less than half of the time.
    #[serde(default)]
    pub unavailable: u64,
    /// Antennas that are healthy by what they measured, but are flapping or were available for less than half of the time.
    #[serde(default)]
    pub unsettled: u64,
}

/// Below this availability, an antenna that is healthy by what it measured was mostly unavailable.
pub const MOSTLY: f64 = 0.5;

impl AntennaCounts {
    /// Antennas of a status.
    #[must_use]
    pub const fn of(&self, status: Status) -> u64 {
        match status {
            Status::Down => self.down,
            Status::Degraded => self.degraded,
            Status::Silent => self.silent,
            Status::Healthy => self.healthy,
            Status::Unseen => self.unseen,
        }
    }

    /// Antennas that are anything but healthy, or are unsettled.
    #[must_use]
    pub const fn in_trouble(&self) -> u64 {
        self.down + self.degraded + self.silent + self.unsettled
    }

    /// All antennas that are known and retained.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.down + self.degraded + self.silent + self.healthy
    }
}
