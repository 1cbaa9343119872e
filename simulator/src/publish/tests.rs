use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// What happens to one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It arrives.
    None,
    /// The broker refuses.
    Refused,
    /// It is lost on the way.
    Lost,
    /// It arrives, and the answer is lost.
    AnswerLost,
    /// Nothing answers for a long time, then it is lost.
    Hangs,
}

/// A broker that treats the first attempts as listed, and accepts all further ones.
#[derive(Debug, Clone, Default)]
struct FaultySink {
    faults: Arc<Mutex<VecDeque<Fault>>>,
    log: Arc<Mutex<Vec<Reading>>>,
    batches: Arc<Mutex<Vec<Vec<Reading>>>>,
}

impl FaultySink {
    fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: Arc::new(Mutex::new(faults.into_iter().collect())), ..Self::default() }
    }

    /// The readings that analytics would count: those whose `seq` is above the highest one of their antenna.
    fn counted(&self) -> Vec<Reading> {
        let mut highest = HashMap::new();
        let log = self.log.lock().expect("no panic under the lock");
        log.iter()
            .filter(|reading| {
                let last = highest.entry(reading.antenna_id.clone()).or_insert(None);
                let counts = reading.seq > *last;
                *last = reading.seq.max(*last);
                counts
            })
            .cloned()
            .collect()
    }
}

impl Sink for FaultySink {
    async fn send(&mut self, batch: &[Reading]) -> Result<(), SendError> {
        let fault = self.faults.lock().expect("no panic under the lock").pop_front().unwrap_or(Fault::None);
        self.batches.lock().expect("no panic under the lock").push(batch.to_vec());
        if matches!(fault, Fault::None | Fault::AnswerLost) {
            self.log.lock().expect("no panic under the lock").extend_from_slice(batch);
        }
        let unreachable = || Err(SendError::Unreachable("connection reset".to_owned()));
        match fault {
            Fault::None => Ok(()),
            Fault::Refused => Err(SendError::Refused("OOM".to_owned())),
            Fault::Lost | Fault::AnswerLost => unreachable(),
            Fault::Hangs => {
                sleep(Duration::from_secs(600)).await;
                unreachable()
            }
        }
    }
}

fn readings(antennas: u64, each: u64) -> Vec<Reading> {
    (0..each).flat_map(|seq| (0..antennas).map(move |antenna| reading(&format!("a-{antenna}"), seq))).collect()
}

fn reading(id: &str, seq: u64) -> Reading {
    Reading { antenna_id: id.to_owned(), timestamp_ms: 0, packets: 1, loss: 0, latency_ms: None, seq: Some(seq) }
}

fn in_paused_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

/// Pushes `chunks` with a pause after each, then closes. Returns what was published and what was dropped.
async fn publish_all(queue: &Queue, sink: FaultySink, chunks: Vec<Vec<Reading>>) -> (u64, u64) {
    let stop = Stop::new(CancellationToken::new());
    let fill = async {
        for mut chunk in chunks {
            queue.push(&mut chunk).await;
            sleep(Duration::from_millis(300)).await;
        }
        queue.close();
    };
    let work = async { tokio::join!(fill, publish(queue, Delivery::new(sink, ProgressBar::hidden()), &stop)).1 };
    let published = stop.watch_over(work).await;
    (published, queue.dropped())
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    prop::collection::vec(
        prop::sample::select(vec![Fault::None, Fault::Refused, Fault::Lost, Fault::AnswerLost, Fault::Hangs]),
        0..12,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn below_the_bound_every_reading_counts_once_and_in_order(
        faults in faults(), antennas in 1_u64..5, each in 0_u64..40, chunk in 1_usize..20
    ) {
        let all = readings(antennas, each);
        let sink = FaultySink::new(faults);
        let chunks = all.chunks(chunk).map(<[Reading]>::to_vec).collect();
        let queue = Queue::new(1_000, WhenFull::DropOldest);
        let report = in_paused_time(publish_all(&queue, sink.clone(), chunks));
        prop_assert_eq!(report, (all.len() as u64, 0));
        prop_assert_eq!(sink.counted(), all);
    }

    #[test]
    fn beyond_the_bound_the_missing_readings_are_those_counted_as_dropped(
        faults in faults(), capacity in 1_usize..10, each in 0_u64..200, chunk in 1_usize..20
    ) {
        let all = readings(1, each);
        let sink = FaultySink::new(faults);
        let chunks = all.chunks(chunk).map(<[Reading]>::to_vec).collect();
        let queue = Queue::new(capacity, WhenFull::DropOldest);
        let (published, dropped) = in_paused_time(publish_all(&queue, sink.clone(), chunks));
        prop_assert_eq!(published + dropped, all.len() as u64);
        prop_assert_eq!(sink.counted().len() as u64, published);
    }

    #[test]
    fn a_queue_that_makes_others_wait_drops_nothing(
        faults in faults(), capacity in 1_usize..10, each in 0_u64..200, chunk in 1_usize..20
    ) {
        let all = readings(1, each);
        let sink = FaultySink::new(faults);
        let chunks = all.chunks(chunk).map(<[Reading]>::to_vec).collect();
        let queue = Queue::new(capacity, WhenFull::Wait);
        let report = in_paused_time(publish_all(&queue, sink.clone(), chunks));
        prop_assert_eq!(report, (all.len() as u64, 0));
        prop_assert_eq!(sink.counted(), all);
    }

    #[test]
    fn a_batch_is_offered_unchanged_until_it_is_taken(faults in faults()) {
        let sink = FaultySink::new(faults.iter().copied().filter(|fault| *fault != Fault::None));
        let failed = sink.faults.lock().expect("no panic under the lock").len();
        let all = readings(3, 5);
        let queue = Queue::new(1_000, WhenFull::DropOldest);
        in_paused_time(publish_all(&queue, sink.clone(), vec![all.clone()]));
        let batches = sink.batches.lock().expect("no panic under the lock");
        prop_assert_eq!(batches.len(), failed + 1);
        prop_assert!(batches.iter().all(|batch| *batch == all));
    }
}

#[tokio::test(start_paused = true)]
async fn the_oldest_waiting_readings_go_first() {
    let queue = Queue::new(3, WhenFull::DropOldest);
    queue.push(&mut readings(1, 5)).await;
    assert_eq!(queue.dropped(), 2);
    let kept: Vec<_> = queue.next_batch(10).await.expect("a batch").iter().map(|reading| reading.seq).collect();
    assert_eq!(kept, [Some(2), Some(3), Some(4)]);
}

#[tokio::test(start_paused = true)]
async fn what_a_silent_broker_did_not_take_in_time_is_counted_as_dropped() {
    let shutdown = CancellationToken::new();
    let stop = Stop::new(shutdown.clone());
    let queue = Queue::new(1_000, WhenFull::DropOldest);
    queue.push(&mut readings(1, 10)).await;
    queue.close();
    shutdown.cancel();
    let began = Instant::now();
    let delivery = Delivery::new(FaultySink::new([Fault::Hangs]), ProgressBar::hidden());
    let published = stop.watch_over(publish(&queue, delivery, &stop)).await;
    assert_eq!((published, queue.dropped()), (0, 10));
    assert_eq!(began.elapsed(), GRACE);
}

#[tokio::test(start_paused = true)]
async fn a_stop_during_an_outage_tries_again_at_once() {
    let shutdown = CancellationToken::new();
    let stop = Stop::new(shutdown.clone());
    let queue = Queue::new(1_000, WhenFull::DropOldest);
    queue.push(&mut readings(1, 10)).await;
    queue.close();
    let sink = FaultySink::new([Fault::Lost; 12]);
    let stopper = async {
        // By then the backoff has grown to several seconds.
        while sink.batches.lock().expect("no panic under the lock").len() < 12 {
            sleep(Duration::from_millis(10)).await;
        }
        shutdown.cancel();
        Instant::now()
    };
    let delivery = Delivery::new(sink.clone(), ProgressBar::hidden());
    let (stopped_at, published) =
        stop.watch_over(async { tokio::join!(stopper, publish(&queue, delivery, &stop)) }).await;
    assert_eq!((published, queue.dropped()), (10, 0));
    assert!(stopped_at.elapsed() <= BACKOFF_MIN);
}
