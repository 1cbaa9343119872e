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
        let (mut raw, mut drained, mut processor) = (Vec::new(), Vec::new(), Vec::new());
        let (mut broker_raw, mut broker_drained) = (Vec::new(), Vec::new());
        for round in 1..=self.rounds {
            let before = processor_time(&redis).await?;
            raw.push(take(redis.port(), &steps)?);
            let between = processor_time(&redis).await?;
            broker_raw.push(between - before);
            let environment = [
                ("REDIS_URL", redis.url()),
                ("BATCH_MAX", self.count.to_string()),
                ("STREAM_PARTITIONS", self.partitions.to_string()),
                // The stream is left whole for the next round.
                ("KEEP_ENTRIES", u32::MAX.to_string()),
            ];
            let mut analytics = Program::start("analytics", &environment)?;
            drained.push(analytics.drained(self.entries).await?.as_secs_f64());
            processor.push(analytics.processor_time()?.as_secs_f64());
            broker_drained.push(processor_time(&redis).await? - between);
            let pipeline: Pipeline = serde_json::from_str(&analytics.get(path::PIPELINE).await?)?;
            analytics.stop()?;
            spread.forget(&[redis.port()]).await?;
            println!(
                "round {round}: bytes off the socket {:.2} M entries/s, analytics {:.2} M entries/s, ratio {:.2}; \
                 {} batches, {} commits",
                rate(raw[round - 1]),
                rate(drained[round - 1]),
                raw[round - 1] / drained[round - 1],
                pipeline.batches.count,
                pipeline.commits.count,
            );
        }
        let ratios: Vec<f64> = raw.iter().zip(&drained).map(|(raw, drained)| raw / drained).collect();
        println!(
            "medians: bytes off the socket {:.2} M entries/s, analytics from exec to lag 0 {:.2} M entries/s, ratio {:.2}",
            rate(median(&raw)),
            rate(median(&drained)),
            median(&ratios),
        );
        let micros = |seconds: &[f64]| median(seconds) / self.entries as f64 * 1e6;
        println!(
            "processor time an entry: analytics {:.2} us, the broker {:.2} us for analytics and {:.2} us for the bytes alone",
            micros(&processor),
            micros(&broker_drained),
            micros(&broker_raw),
        );
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
