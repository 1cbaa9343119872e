//! `readings`: the readings of an antenna that were counted last.

use shared::UnixMillis;
use shared::api::{ReadingsRequest, RecentReading, RecentReadings};

use super::{Question, Refusal};
use crate::Reference;

impl Question for ReadingsRequest {
    fn answer(&self, reference: &Reference, _: UnixMillis) -> Result<RecentReadings, Refusal> {
        let (position, _) = reference.find(&self.antenna)?;
        let own = reference.recent.iter().rev().filter(|reading| reading.antenna == position);
        let readings = own.take(self.limit.get()).map(|reading| RecentReading {
            timestamp: UnixMillis(reading.event_ms),
            arrived_at: UnixMillis(reading.arrival_ms),
            packets_sent: reading.packets.into(),
            packets_lost: reading.lost.into(),
            latency_ms: reading.latency_ms,
            seq: reading.seq,
            late: reading.is_late,
        });
        Ok(RecentReadings { antenna_id: self.antenna.clone(), readings: readings.collect(), as_of: reference.as_of })
    }
}
