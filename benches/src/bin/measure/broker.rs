//! A Redis with a stream of readings, and the bare connection that fills and reads it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, Result, ensure};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;
use redis::aio::MultiplexedConnection;
use shared::Reading;
use shared::codec::encode;
use shared::keys::{GROUP, StreamKeys, partition_of};
use shared::testing::RedisServer;

/// The stream that everything is measured on.
pub(crate) const STREAM: &str = "antenna_stream";

/// The streams that readings are spread over by antenna, and where they are.
#[derive(Debug, Clone)]
pub(crate) struct Spread {
    name: String,
    places: Vec<Place>,
}

/// A stream, and the port of the server that has it.
#[derive(Debug, Clone)]
struct Place {
    stream: String,
    port: u16,
}

impl Spread {
    /// So many partitions of [`STREAM`] on one server.
    pub(crate) fn on(port: u16, partitions: u16) -> Self {
        Self::over(STREAM, partitions, |_| port)
    }

    /// So many partitions of a stream; the plain stream where there is one.
    pub(crate) fn over(name: &str, partitions: u16, port_of: impl Fn(&str) -> u16) -> Self {
        let streams: Vec<String> = match partitions {
            0 | 1 => vec![name.to_owned()],
            several => (0..several).map(|number| StreamKeys::of_partition(name, number).stream).collect(),
        };
        let place = |stream: String| Place { port: port_of(&stream), stream };
        Self { name: name.to_owned(), places: streams.into_iter().map(place).collect() }
    }

    /// Their common name, the setting `STREAM`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The streams, by the number of the partition.
    pub(crate) fn streams(&self) -> impl Iterator<Item = &str> {
        self.places.iter().map(|place| place.stream.as_str())
    }

    /// Adds the XADD of a reading to what waits to be sent.
    pub(crate) fn add(&self, to: &mut Waiting, id: &str, reading: &Reading) {
        // There are at most as many as a number of a partition holds.
        let partitions = u16::try_from(self.places.len()).unwrap_or(u16::MAX);
        let Place { stream, port } = &self.places[usize::from(partition_of(&reading.antenna_id, partitions))];
        let (commands, count) = to.entry(*port).or_default();
        commands.extend(xadd(stream, id, reading));
        *count += 1;
    }

    /// Adds readings with ids made from their times, with as many commands in flight as the broker likes.
    pub(crate) fn fill(&self, readings: impl Iterator<Item = Reading> + Send + 'static) -> Result<()> {
        let (sender, batches) = mpsc::sync_channel::<Waiting>(4);
        let spread = self.clone();
        // Encoding takes as long as adding, so each has a core of its own.
        let encoder = thread::spawn(move || {
            let (mut waiting, mut count, mut last) = (Waiting::new(), 0, (0, 0));
            for reading in readings {
                last = if last.0 == reading.timestamp_ms { (last.0, last.1 + 1) } else { (reading.timestamp_ms, 0) };
                spread.add(&mut waiting, &format!("{}-{}", last.0, last.1), &reading);
                count += 1;
                if count == PIPELINED {
                    count = 0;
                    if sender.send(std::mem::take(&mut waiting)).is_err() {
                        return;
                    }
                }
            }
            // If nobody receives any more, filling has failed, and reports that itself.
            let _gone = sender.send(waiting);
        });
        let mut pipes = self.connect()?;
        for waiting in batches {
            pipes.send(waiting)?;
        }
        encoder.join().map_err(|_| anyhow::anyhow!("the encoder panicked"))
    }

    /// Connects to all servers.
    pub(crate) fn connect(&self) -> Result<Pipes> {
        let mut pipes = BTreeMap::new();
        for place in &self.places {
            if let Entry::Vacant(entry) = pipes.entry(place.port) {
                entry.insert(Pipe::connect(place.port)?);
            }
        }
        Ok(Pipes(pipes))
    }

    /// Deletes what analytics has committed on some servers, so that it starts afresh.
    pub(crate) async fn forget(&self, ports: &[u16]) -> Result<()> {
        for &port in ports {
            let mut connection = connection(port).await?;
            for pattern in [format!("{{{}}}:*", self.name), format!("{{{}:*}}:*", self.name)] {
                let keys: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut connection).await?;
                for key in keys {
                    redis::cmd("DEL").arg(key).exec_async(&mut connection).await?;
                }
            }
            for place in self.places.iter().filter(|place| place.port == port) {
                let mut destroy = redis::cmd("XGROUP");
                destroy.arg("DESTROY").arg(&place.stream).arg(GROUP).exec_async(&mut connection).await?;
            }
        }
        Ok(())
    }
}

/// Commands that wait to be sent, and how many they are, by the port of their server.
pub(crate) type Waiting = BTreeMap<u16, (Vec<u8>, usize)>;

/// A connection to each of some servers, by port.
#[derive(Debug)]
pub(crate) struct Pipes(BTreeMap<u16, Pipe>);

impl Pipes {
    /// Sends what waits, and waits for all answers.
    pub(crate) fn send(&mut self, waiting: Waiting) -> Result<()> {
        for (port, (commands, count)) in waiting {
            self.0
                .get_mut(&port)
                .context("commands for a server that nobody is connected to")?
                .add(&commands, count)?;
        }
        Ok(())
    }
}

/// How many commands are in flight at once.
const PIPELINED: usize = 5_000;

/// Now, in milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// What an antenna measures, by chance: a thousandth of the readings carry no latency.
pub(crate) fn reading(chance: &mut ChaCha8Rng, antenna: u32, timestamp_ms: i64, seq: u64) -> Reading {
    let chance = chance.next_u64();
    let packets = 100;
    let latency_ms = 5.0 + f64::from(antenna % 50) + (chance % 20_000) as f64 / 1000.0;
    Reading {
        antenna_id: format!("antenna-{antenna:05}"),
        timestamp_ms,
        packets,
        loss: if chance.is_multiple_of(7) { (chance % 5) as u32 } else { 0 },
        latency_ms: (!chance.is_multiple_of(1000)).then_some(latency_ms),
        seq: Some(seq),
    }
}

/// A command as it goes over the wire.
pub(crate) fn packed(arguments: &[&str]) -> Vec<u8> {
    let mut command = redis::Cmd::new();
    for argument in arguments {
        command.arg(*argument);
    }
    command.get_packed_command()
}

/// An XADD of a reading to a stream with a given id.
pub(crate) fn xadd(stream: &str, id: &str, reading: &Reading) -> Vec<u8> {
    let pairs = encode(reading);
    let mut arguments = vec!["XADD", stream, id];
    for (field, value) in &pairs {
        arguments.extend([*field, value.as_str()]);
    }
    packed(&arguments)
}

/// A connection that sends packed commands and counts the lines of what comes back.
#[derive(Debug)]
pub(crate) struct Pipe {
    stream: TcpStream,
}

impl Pipe {
    pub(crate) fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).context("the private redis-server is away")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream })
    }

    /// Sends commands that are each answered with an id (`$15`, then the id), and waits for all answers.
    pub(crate) fn add(&mut self, commands: &[u8], count: usize) -> Result<()> {
        self.stream.write_all(commands)?;
        let mut lines = 0;
        let mut is_line_start = true;
        let mut buffer = vec![0; 64 * 1024];
        while lines < 2 * count {
            let read = self.take(&mut buffer)?;
            for &byte in &buffer[..read] {
                ensure!(byte != b'-' || !is_line_start, "the broker refuses a reading: see MONITOR or its log");
                is_line_start = byte == b'\n';
                lines += usize::from(is_line_start);
            }
        }
        Ok(())
    }

    /// Sends one command.
    pub(crate) fn send(&mut self, command: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(command)?)
    }

    /// Reads what the socket has.
    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.stream.read(buffer)?;
        ensure!(read > 0, "redis-server closed the connection");
        Ok(read)
    }
}

/// Seconds of processor time that the broker has used.
pub(crate) async fn processor_time(redis: &RedisServer) -> Result<f64> {
    let mut connection = connection(redis.port()).await?;
    let info: String = redis::cmd("INFO").arg("cpu").query_async(&mut connection).await?;
    let of = |name: &str| -> Result<f64> {
        let line = info.lines().find_map(|line| line.strip_prefix(name)).context("INFO cpu without times")?;
        Ok(line.parse()?)
    };
    Ok(of("used_cpu_sys:")? + of("used_cpu_user:")?)
}

/// How much of the broker's memory the committed state takes, in bytes.
pub(crate) async fn state_bytes(redis: &RedisServer) -> Result<u64> {
    let mut connection = connection(redis.port()).await?;
    let key = format!("{{{STREAM}}}:state");
    let mut usage = redis::cmd("MEMORY");
    Ok(usage.arg("USAGE").arg(key).arg("SAMPLES").arg(0).query_async(&mut connection).await?)
}

/// Writes everything to the broker's file.
pub(crate) async fn save(redis: &RedisServer) -> Result<()> {
    let mut connection = connection(redis.port()).await?;
    redis::cmd("SAVE").exec_async(&mut connection).await?;
    Ok(())
}

/// A connection of the client library to a port.
async fn connection(port: u16) -> Result<MultiplexedConnection> {
    Ok(redis::Client::open(format!("redis://127.0.0.1:{port}"))?.get_multiplexed_async_connection().await?)
}
