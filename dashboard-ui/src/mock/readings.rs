//! The readings of an antenna that were counted last.

use shared::UnixMillis;
use shared::api::{RecentReading, RecentReadings};

use super::network::{Ailment, Antenna};
use super::window::{Now, Window};
use super::{Mock, RETENTION_SECONDS};

/// Seconds by which a reading that was held back may arrive later than one that was measured after it.
const OVERTAKEN: usize = 15;

impl Mock {
    /// The readings of an antenna that were counted last, newest arrival first, as far as they are retained. `None` if the
    /// antenna is not known.
    #[must_use]
    pub fn readings(&self, antenna: &str, limit: usize, now: UnixMillis) -> Option<RecentReadings> {
        let antenna = self.find(antenna)?;
        let window = Window::new(RETENTION_SECONDS.unsigned_abs() as u32, None, now);
        let now = Now::at(now);
        let mut panes: Vec<i64> = window.panes().collect();
        panes.reverse();
        let newest = panes.into_iter().flat_map(|pane| {
            let mut readings: Vec<RecentReading> = recent(&antenna, pane, now).collect();
            readings.reverse();
            readings
        });
        let mut readings: Vec<RecentReading> = newest.take(limit.saturating_add(OVERTAKEN)).collect();
        readings.sort_by_key(|reading| std::cmp::Reverse(reading.arrived_at));
        readings.truncate(limit);
        Some(RecentReadings { antenna_id: antenna.id().into_owned(), readings, as_of: now.as_of() })
    }
}

fn recent(antenna: &Antenna, pane: i64, now: Now) -> impl Iterator<Item = RecentReading> {
    antenna.readings(pane, now).map(|(second, reading)| RecentReading {
        timestamp: antenna.event(second),
        arrived_at: antenna.arrival(second),
        packets_sent: reading.packets.unsigned_abs(),
        packets_lost: reading.lost.unsigned_abs(),
        latency_ms: reading.mean_latency_ms(),
        // What arrives out of order would count as a duplicate, had it a number.
        seq: (antenna.ailment != Ailment::Late).then_some(second.unsigned_abs() * 1000),
        late: antenna.is_late(second),
    })
}

#[cfg(test)]
mod tests {
    use super::super::AntennaSearch;
    use super::super::tests::{NOON, later};
    use super::*;

    #[test]
    fn the_readings_of_each_pane_add_up_to_its_point() {
        for now in later(8, 9) {
            for antenna in Mock::default().network() {
                let id = antenna.id();
                let RecentReadings { readings, .. } = Mock::default().readings(&id, 700, now).unwrap();
                for point in Mock::default().series(600, 5, None, Some(&id), now).unwrap().points {
                    let pane = point.start.0..point.start.0 + 5000;
                    let own: Vec<_> = readings.iter().filter(|it| pane.contains(&it.timestamp.0)).collect();
                    let latencies: Vec<f64> = own.iter().filter_map(|reading| reading.latency_ms).collect();
                    let mean = latencies.iter().sum::<f64>() / latencies.len() as f64;
                    let measures = point.measures;
                    assert_eq!(own.len() as u64, measures.readings, "{id} at {now}");
                    assert_eq!(own.iter().map(|it| it.packets_sent).sum::<u64>(), measures.packets_sent);
                    assert_eq!(own.iter().map(|it| it.packets_lost).sum::<u64>(), measures.packets_lost);
                    assert!(measures.latency_ms.mean.is_none_or(|expected| (expected - mean).abs() < 1e-6));
                    assert_eq!(measures.latency_ms.mean.is_none(), latencies.is_empty());
                    assert_eq!(point.revised, own.iter().any(|reading| reading.late), "{id} at {}", point.start);
                }
            }
        }
    }

    #[test]
    fn the_newest_arrival_comes_first_and_none_is_from_the_future() {
        for now in later(150, 1) {
            let RecentReadings { readings, .. } = Mock::default().readings("airport-west", 300, now).unwrap();
            assert_eq!(readings.len(), 300);
            assert!(readings.is_sorted_by(|a, b| a.arrived_at > b.arrived_at), "at {now}");
            assert!(readings[0].arrived_at < now && readings.iter().any(|reading| reading.late), "at {now}");
            assert!(readings.iter().all(|it| it.timestamp <= it.arrived_at && it.packets_lost <= it.packets_sent));
            let shorter = Mock::default().readings("airport-west", 30, now).unwrap().readings;
            assert_eq!(shorter, readings[..30], "at {now}");
        }
    }

    #[test]
    fn an_antenna_was_seen_when_its_newest_reading_arrived() {
        for now in later(30, 53) {
            for row in Mock::default().antennas(300, None, &AntennaSearch::default(), now).antennas {
                let RecentReadings { readings, .. } = Mock::default().readings(&row.antenna_id, 100, now).unwrap();
                let newest = readings.iter().max_by_key(|reading| reading.timestamp).unwrap();
                assert_eq!(row.last_seen, newest.arrived_at, "{} at {now}", row.antenna_id);
            }
        }
        assert_eq!(Mock::default().readings("nowhere", 10, NOON), None);
    }
}
