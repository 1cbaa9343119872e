//! Drains a backlog, compared with a reader that only takes the bytes of the same XREADs off the socket.

use std::time::Instant;

use analytics::ingest::resp::{Extent, ReplyParser};
use analytics::ingest::stream_id::StreamId;
use anyhow::{Context as _, Result};
use clap::Args;
use shared::Reading;
use shared::api::{Pipeline, path};
use shared::testing::RedisServer;

use crate::broker::{Pipe, Spread, now_ms, packed, processor_time, reading};
use crate::program::Program;
use crate::registry::Files;
use crate::statistics::median;

#[derive(Debug, Args)]
pub(crate) struct Drain {
    /// Entries in the stream
    #[arg(long, default_value_t = 2_000_000)]
    entries: u64,
    /// Antennas that they come from
    #[arg(long, default_value_t = 1_000)]
    antennas: u32,
    /// Seconds of event time that they are spread over
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Entries that one XREAD asks for
    #[arg(long, default_value_t = 65_536)]
    count: u32,
    /// Streams that they are spread over by antenna
    #[arg(long, default_value_t = 1)]
    partitions: u16,
    /// Rounds; the medians are reported
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Drain it in each round once more with a file that says what all antennas are, and rules of alerts
    #[arg(long)]
    registry: bool,
}

/// What the rounds of one kind took.
#[derive(Debug)]
struct Drained {
    name: &'static str,
    files: Option<Files>,
    /// From exec to lag 0.
    seconds: Vec<f64>,
    /// Of processor time.
    processor: Vec<f64>,
    /// Of the broker's.
    broker: Vec<f64>,
}

impl Drained {
    const fn new(name: &'static str, files: Option<Files>) -> Self {
        Self { name, files, seconds: Vec::new(), processor: Vec::new(), broker: Vec::new() }
    }
}

/// One XREAD: the id to read after, and the size of its reply in bytes.
#[derive(Debug)]
struct Step {
    command: Vec<u8>,
    bytes: usize,
}

impl Drain {
    pub(crate) async fn measure(self) -> Result<()> {
        let redis = RedisServer::start(&[]);
        let spread = Spread::on(redis.port(), self.partitions);
        spread.fill(backlog(self.entries, self.antennas, self.seconds, now_ms()))?;
        let steps = self.steps(redis.port(), &spread)?;
        let wire: usize = steps.iter().map(|step| step.bytes).sum();
        println!(
            "{} entries of {} antennas, {} bytes an entry",
            self.entries,
            self.antennas,
            wire as u64 / self.entries
        );
        let rate = |seconds: f64| self.entries as f64 / seconds / 1e6;
        let (mut raw, mut broker_raw) = (Vec::new(), Vec::new());
        let mut kinds = vec![Drained::new("analytics", None)];
        if self.registry {
            kinds.push(Drained::new("with a registry", Some(Files::of(self.antennas)?)));
        }
        for round in 1..=self.rounds {
            let before = processor_time(&redis).await?;
            raw.push(take(redis.port(), &steps)?);
            broker_raw.push(processor_time(&redis).await? - before);
            println!("round {round}: bytes off the socket {:.2} M entries/s", rate(raw[round - 1]));
            for Drained { name, files, seconds, processor, broker } in &mut kinds {
                let before = processor_time(&redis).await?;
                let mut environment = vec![
                    ("REDIS_URL", redis.url()),
                    ("BATCH_MAX", self.count.to_string()),
                    ("STREAM_PARTITIONS", self.partitions.to_string()),
                    // The stream is left whole for the next round.
                    ("KEEP_ENTRIES", u32::MAX.to_string()),
                ];
                environment.extend(files.iter().flat_map(Files::environment));
                let mut analytics = Program::start("analytics", &environment)?;
                seconds.push(analytics.drained(self.entries).await?.as_secs_f64());
                processor.push(analytics.processor_time()?.as_secs_f64());
                broker.push(processor_time(&redis).await? - before);
                let pipeline: Pipeline = serde_json::from_str(&analytics.get(path::PIPELINE).await?)?;
                analytics.stop()?;
                spread.forget(&[redis.port()]).await?;
                println!(
                    "round {round}, {name}: {:.2} M entries/s, ratio {:.2}; {} batches, {} commits",
                    rate(seconds[round - 1]),
                    raw[round - 1] / seconds[round - 1],
                    pipeline.batches.count,
                    pipeline.commits.count,
                );
            }
        }
        let micros = |seconds: &[f64]| median(seconds) / self.entries as f64 * 1e6;
        println!(
            "medians: bytes off the socket {:.2} M entries/s, of which the broker takes {:.2} us an entry",
            rate(median(&raw)),
            micros(&broker_raw)
        );
        for Drained { name, seconds, processor, broker, .. } in &kinds {
            let ratios: Vec<f64> = raw.iter().zip(seconds).map(|(raw, drained)| raw / drained).collect();
            println!(
                "medians, {name}: from exec to lag 0 {:.2} M entries/s, ratio {:.2}; processor time an entry {:.2} us, of the \
                 broker {:.2} us",
                rate(median(seconds)),
                median(&ratios),
                micros(processor),
                micros(broker),
            );
        }
        if let [without, with] = &kinds[..] {
            let more = median(&with.seconds) / median(&without.seconds) - 1.0;
            println!("with a registry a drain takes {:+.1} %", more * 100.0);
        }
        Ok(())
    }

    /// The XREADs to send, found by reading the streams once.
    fn steps(&self, port: u16, spread: &Spread) -> Result<Vec<Step>> {
        let mut pipe = Pipe::connect(port)?;
        let mut buffer = vec![0; 1 << 20];
        let mut steps = Vec::new();
        let (mut streams, mut read) = (spread.streams(), 0);
        let (mut stream, mut after) = (streams.next().context("no stream")?, StreamId::ZERO);
        while read < self.entries {
            let count = self.count.to_string();
            let command = packed(&["XREAD", "COUNT", &count, "STREAMS", stream, &after.to_string()]);
            pipe.send(&command)?;
            let (mut parser, mut extent) = (ReplyParser::default(), Extent::default());
            let (mut reply, mut done) = (Vec::new(), 0);
            while !parser.is_done() {
                let taken = pipe.take(&mut buffer)?;
                reply.extend_from_slice(&buffer[..taken]);
                done += parser.feed(&reply[done..], &mut extent)?;
            }
            if extent.entries == 0 {
                (stream, after) = (streams.next().context("entries are missing")?, StreamId::ZERO);
                continue;
            }
            steps.push(Step { command, bytes: reply.len() });
            after = extent.last_id;
            read += extent.entries;
        }
        Ok(steps)
    }
}

/// So many readings of so many antennas in turn, spread evenly over so many seconds up to a time: always the same ones.
pub(crate) fn backlog(
    entries: u64,
    antennas: u32,
    seconds: u64,
    end_ms: i64,
) -> impl Iterator<Item = Reading> + Send + 'static {
    let (antennas, span_ms) = (u64::from(antennas), seconds * 1000);
    let start_ms = end_ms - span_ms as i64;
    let mut chance = benches::chance();
    (0..entries).map(move |number| {
        let timestamp_ms = start_ms + (number * span_ms / entries) as i64;
        reading(&mut chance, (number % antennas) as u32, timestamp_ms, number)
    })
}

/// Takes the replies off the socket and drops them; returns seconds.
fn take(port: u16, steps: &[Step]) -> Result<f64> {
    let mut pipe = Pipe::connect(port)?;
    let mut buffer = vec![0; 256 * 1024];
    let started = Instant::now();
    for step in steps {
        pipe.send(&step.command)?;
        let mut bytes = 0;
        while bytes < step.bytes {
            bytes += pipe.take(&mut buffer)?;
        }
    }
    Ok(started.elapsed().as_secs_f64())
}
