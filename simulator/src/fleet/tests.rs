use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::time::{advance, sleep};

use super::*;
use crate::publish::SendError;
use scenario::Scenario;

const START_MS: i64 = 1_763_900_000_000;

/// A broker that takes every batch after `delay`.
#[derive(Debug, Clone, Default)]
struct SlowSink {
    delay: Duration,
    log: Arc<Mutex<Vec<Reading>>>,
}

impl SlowSink {
    fn readings(&self) -> Vec<Reading> {
        self.log.lock().expect("no panic under the lock").clone()
    }
}

impl Sink for SlowSink {
    async fn send(&mut self, batch: &[Reading]) -> Result<(), SendError> {
        sleep(self.delay).await;
        self.log.lock().expect("no panic under the lock").extend_from_slice(batch);
        Ok(())
    }
}

/// A clock that follows tokio's paused time.
fn clock() -> impl Fn() -> UnixMillis + Send {
    let start = Instant::now();
    move || UnixMillis(START_MS + shared::time::millis(start.elapsed()))
}

fn settings(antennas: u32, count: Option<u64>) -> FleetSettings {
    FleetSettings { antennas, count, ..FleetSettings::default() }
}

#[tokio::test(start_paused = true)]
async fn antennas_report_every_interval_each_at_its_own_phase() {
    let sink = SlowSink::default();
    let report = run(&settings(4, Some(5)), vec![sink.clone()], clock(), CancellationToken::new()).await;
    assert_eq!(report.expect("good settings"), Report { published: 20, dropped: 0, skipped: 0 });
    let mut times: BTreeMap<String, Vec<(i64, u64)>> = BTreeMap::new();
    for reading in sink.readings() {
        times.entry(reading.antenna_id).or_default().push((reading.timestamp_ms, reading.seq.expect("a seq")));
    }
    let first_seq = u64::try_from(START_MS).expect("after 1970") * 1_000;
    for (id, phase_ms) in [("antenna-0000", 0), ("antenna-0001", 250), ("antenna-0002", 500), ("antenna-0003", 750)] {
        let expected: Vec<_> = (0..5).zip(first_seq..).map(|(n, seq)| (START_MS + phase_ms + n * 1_000, seq)).collect();
        assert_eq!(times[id], expected, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_publishes_what_was_taken() {
    let (sink, shutdown) =
        (SlowSink { delay: Duration::from_secs(2), ..SlowSink::default() }, CancellationToken::new());
    let settings = settings(1, None);
    let stop = async {
        sleep(Duration::from_millis(10_500)).await;
        shutdown.cancel();
    };
    let (report, ()) = tokio::join!(run(&settings, vec![sink.clone()], clock(), shutdown.clone()), stop);
    assert_eq!(report.expect("good settings"), Report { published: 11, dropped: 0, skipped: 0 });
    assert_eq!(sink.readings().len(), 11);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_too_slow_costs_readings_and_the_report_says_how_many() {
    let (sink, shutdown) =
        (SlowSink { delay: Duration::from_secs(3), ..SlowSink::default() }, CancellationToken::new());
    let settings = FleetSettings { interval: Duration::from_millis(5), ..settings(1_000, None) };
    let stop = async {
        sleep(Duration::from_millis(2_000)).await;
        shutdown.cancel();
    };
    let (report, ()) = tokio::join!(run(&settings, vec![sink.clone()], clock(), shutdown.clone()), stop);
    let report = report.expect("good settings");
    // 200,000 a second for two seconds were taken, a few of them in the first and last turn.
    assert!((395_000..=405_000).contains(&(report.published + report.dropped)), "{report:?}");
    assert_eq!((report.published, report.skipped), (sink.readings().len() as u64, 0));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_stalls_skips_readings_of_an_endless_fleet_only() {
    for (count, expected) in [(None, 42), (Some(100), 100)] {
        let (sink, shutdown) = (SlowSink::default(), CancellationToken::new());
        let settings = settings(1, count);
        let fleet = tokio::spawn({
            let (sink, shutdown) = (sink.clone(), shutdown.clone());
            async move { run(&settings, vec![sink], clock(), shutdown).await.expect("good settings") }
        });
        sleep(Duration::from_millis(20_500)).await;
        advance(Duration::from_secs(59)).await;
        sleep(Duration::from_secs(if count.is_some() { 120 } else { 20 })).await;
        shutdown.cancel();
        let report = fleet.await.expect("no panic");
        assert_eq!((report.published, report.dropped), (expected, 0));
        assert_eq!(report.skipped, if count.is_some() { 0 } else { 58 });
        let readings = sink.readings();
        assert!(
            readings.windows(2).all(|pair| pair[0].seq < pair[1].seq && pair[0].timestamp_ms < pair[1].timestamp_ms)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_restarted_antenna_goes_on_above_its_highest_seq() {
    let (sink, clock) = (SlowSink::default(), clock());
    let settings = FleetSettings { interval: Duration::from_micros(1), ..settings(1, Some(5_000)) };
    for _start in 0..2 {
        run(&settings, vec![sink.clone()], &clock, CancellationToken::new()).await.expect("good settings");
    }
    let readings = sink.readings();
    assert_eq!(readings.len(), 10_000);
    assert!(readings.windows(2).all(|pair| pair[0].seq < pair[1].seq));
}

#[tokio::test(start_paused = true)]
async fn antennas_without_uplink_forward_what_they_stored_at_the_end() {
    let sink = SlowSink::default();
    let settings = FleetSettings { scenario: Scenario::Late, ..settings(8, Some(333)) };
    run(&settings, vec![sink.clone()], clock(), CancellationToken::new()).await.expect("good settings");
    let distinct: BTreeSet<_> = sink.readings().into_iter().map(|reading| (reading.antenna_id, reading.seq)).collect();
    assert_eq!(distinct.len(), 8 * 333);
}
