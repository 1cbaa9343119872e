//! The readings of an antenna that were counted last.

use shared::api::RecentReadings;

use super::View;

impl View<'_> {
    /// At most `limit` readings of an antenna, newest first, whatever the window. `None` if the antenna is not known.
    #[must_use]
    pub fn readings(&self, antenna: &str, limit: usize) -> Option<RecentReadings> {
        let (slot, known) = self.snapshot.find(antenna)?;
        Some(RecentReadings {
            antenna_id: known.id.to_string(),
            readings: self.snapshot.recent.of(slot).take(limit).collect(),
            as_of: self.snapshot.as_of,
        })
    }
}
