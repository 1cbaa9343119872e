//! A sink for each partition, as one.

use futures::future::join_all;
use shared::Reading;
use shared::keys::partition_of;

use crate::publish::{SendError, Sink};

/// Spreads readings over sinks by antenna. A batch is taken once every sink has taken its part of it; until then, parts that were
/// taken are not sent again.
#[derive(Debug)]
pub struct Partitioned<S> {
    sinks: Vec<S>,
    /// What is left to send of the batch that was sent last, by sink.
    left: Option<Vec<Vec<Reading>>>,
}

impl<S: Sink> Partitioned<S> {
    /// The sinks by the number of their partition.
    #[must_use]
    pub const fn new(sinks: Vec<S>) -> Self {
        Self { sinks, left: None }
    }

    /// The sinks.
    pub fn sinks(&mut self) -> &mut [S] {
        &mut self.sinks
    }
}

impl<S: Sink> Sink for Partitioned<S> {
    async fn send(&mut self, batch: &[Reading]) -> Result<(), SendError> {
        let left = self.left.get_or_insert_with(|| {
            let mut parts = vec![Vec::new(); self.sinks.len()];
            spread(batch.iter().cloned(), &mut parts);
            parts
        });
        let sends = self.sinks.iter_mut().zip(left).filter(|(_, part)| !part.is_empty()).map(async |(sink, part)| {
            sink.send(part).await?;
            part.clear();
            Ok(())
        });
        let sent: Result<(), SendError> = join_all(sends).await.into_iter().collect();
        if sent.is_ok() {
            self.left = None;
        }
        sent
    }

    fn address(&self) -> Option<String> {
        let mut addresses: Vec<String> = self.sinks.iter().filter_map(Sink::address).collect();
        addresses.dedup();
        (!addresses.is_empty()).then(|| addresses.join(", "))
    }
}

/// Puts readings behind those of their partitions, by the partitions' numbers.
pub(crate) fn spread(readings: impl IntoIterator<Item = Reading>, parts: &mut [Vec<Reading>]) {
    let count = u16::try_from(parts.len()).unwrap_or(u16::MAX);
    for reading in readings {
        parts[usize::from(partition_of(&reading.antenna_id, count))].push(reading);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes what it is told to, and refuses so many times before.
    #[derive(Debug, Default)]
    struct Refusing {
        refusals: u32,
        taken: Vec<Reading>,
    }

    impl Sink for Refusing {
        async fn send(&mut self, batch: &[Reading]) -> Result<(), SendError> {
            if self.refusals > 0 {
                self.refusals -= 1;
                return Err(SendError::Refused("OOM".to_owned()));
            }
            self.taken.extend_from_slice(batch);
            Ok(())
        }
    }

    fn reading(number: i64) -> Reading {
        let antenna_id = format!("antenna-{}", number % 50);
        Reading { antenna_id, timestamp_ms: number, packets: 1, loss: 0, latency_ms: None, seq: None }
    }

    /// A part whose sink refuses is sent again, those that were taken are not, and each antenna's readings stay in order.
    #[tokio::test]
    async fn every_reading_is_taken_once_by_the_sink_of_its_antenna() {
        for refusals in 0..4 {
            let sinks = (0..4).map(|number| Refusing { refusals: refusals * number, ..Refusing::default() });
            let mut sink = Partitioned::new(sinks.collect());
            let batches: Vec<Vec<Reading>> =
                (0..10).map(|batch| (0..100).map(|number| reading(batch * 100 + number)).collect()).collect();
            for batch in &batches {
                while sink.send(batch).await.is_err() {}
            }
            let mut expected = vec![Vec::new(); 4];
            spread(batches.concat(), &mut expected);
            let taken: Vec<Vec<Reading>> = sink.sinks().iter().map(|sink| sink.taken.clone()).collect();
            assert!(expected.iter().all(|part| part.len() > 100), "the antennas are spread");
            assert_eq!(taken, expected);
        }
    }
}
