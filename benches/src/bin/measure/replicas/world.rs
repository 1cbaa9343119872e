//! The cluster, the replicas, the producers and the dashboard together, each change, and what has to be true behind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use analytics::ingest::stream_id::StreamId;
use anyhow::{Context as _, Result, bail, ensure};
use shared::api::{Ledger, Pipeline};
use shared::keys::{StreamKeys, partition_of};
use shared::logging::ADDRESS_TARGET;
use shared::testing::{DEADLINE, Program, RedisCluster, RedisServer, Signal, built};

use super::group::Group;
use super::plan::{Change, Step};
use super::watch::{self, Watch};
use crate::broker::STREAM;
use crate::faults::{BATCH, PREFIX, Producers, Target};

/// Who has not recovered by then has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// An owner that does not renew its leases for so long has lost its partitions.
const PAST_THE_LEASE: Duration = Duration::from_secs(4);

/// How long a replica stays unreachable, and a master without its replica, under load.
const HOLD: Duration = Duration::from_secs(3);

/// How often something is looked at that is waited for.
const POLL: Duration = Duration::from_millis(20);

/// How often readings are released to be published.
const TICK: Duration = Duration::from_millis(20);

/// A master that a busy machine does not let answer for a moment is not to be replaced unasked, as what only it had is lost then. Its
/// replica takes its place however long it has been cut off.
const PATIENT: [&str; 4] = ["--cluster-node-timeout", "5000", "--cluster-replica-validity-factor", "0"];

/// How many masters there are.
const MASTERS: usize = 3;

/// A change and what became of it.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) number: u32,
    pub(super) said: String,
    /// Seconds since the load began.
    pub(super) at_s: f64,
    /// From the change until every replica told that every partition has an owner again, in seconds.
    pub(super) owned_s: f64,
    /// Readings that the broker had acknowledged and then lost.
    pub(super) lost: u64,
    /// Entries by which the ledger's `lost_by_broker` grew.
    pub(super) told: u64,
    /// How many replicas there are then.
    pub(super) replicas: usize,
}

impl Row {
    /// The row as a line of the running report.
    pub(super) fn line(&self) -> String {
        let Self { number, said, at_s, owned_s, lost, told, replicas } = self;
        format!(
            "{number:2} at {at_s:.0} s, {said}: owned again after {owned_s:.1} s; {lost} lost, {told} told; {replicas} replicas"
        )
    }
}

/// What is true at the end.
#[derive(Debug)]
pub(super) struct End {
    pub(super) acknowledged: u64,
    pub(super) lost: u64,
    pub(super) counted: u64,
    pub(super) ledger: Ledger,
    pub(super) seen: watch::Seen,
    pub(super) peak_mb: f64,
    pub(super) panics: Vec<String>,
    pub(super) seconds: f64,
}

/// All of it together.
#[derive(Debug)]
pub(super) struct World {
    cluster: RedisCluster,
    group: Group,
    streams: Vec<String>,
    producers: Arc<Producers>,
    pace: Option<Pace>,
    dashboard: Program,
    watch: Watch,
    /// Masters of the beginning whose replicas have not taken their place.
    first_masters: Vec<usize>,
    lost: u64,
    started: Instant,
}

/// Releases readings at a rate.
#[derive(Debug)]
struct Pace {
    is_paused: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Pace {
    fn start(producers: Arc<Producers>, rate: u64) -> Self {
        let (is_paused, is_over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (paused, over) = (Arc::clone(&is_paused), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            let (mut began, mut released) = (Instant::now(), 0);
            while !over.load(Ordering::Relaxed) {
                if paused.load(Ordering::Relaxed) {
                    (began, released) = (Instant::now(), 0);
                } else {
                    let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
                    producers.release(due - released);
                    released = due;
                }
                thread::sleep(TICK);
            }
        });
        Self { is_paused, is_over, thread }
    }

    fn end(self) -> Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow::anyhow!("the pace panicked"))
    }
}

impl World {
    pub(super) fn start(partitions: u16, antennas: usize) -> Result<Self> {
        let cluster = RedisCluster::with_patient_replicas(&PATIENT);
        let mut streams = vec![STREAM.to_owned()];
        streams.extend((0..partitions).map(|number| StreamKeys::of_partition(STREAM, number).stream));
        let mut group = Group::start(cluster.url(), partitions)?;
        group.add()?;
        let ports: Vec<u16> = cluster.servers().iter().map(RedisServer::port).collect();
        let targets = targets(&streams, antennas, &ports);
        let antennas = targets.iter().map(|target| target.antennas.len() as u64).sum();
        let producers = Arc::new(Producers::start(targets));
        let mut command = built("dashboard");
        command
            .env("ANALYTICS_URL", format!("http://127.0.0.1:{}", group.web.port()))
            .env("BIND", "127.0.0.1:0")
            .env("RUST_LOG", format!("warn,{ADDRESS_TARGET}=info"));
        let mut dashboard = Program::start(&mut command);
        let address = dashboard.address("dashboard");
        // Every antenna has reported before anybody asks, so that every answer has to know all of them.
        let asked = Instant::now();
        while group.active().iter().any(|it| *it != Some(antennas)) {
            ensure!(asked.elapsed() < PATIENCE, "not every antenna is counted: {:?}; {}", group.active(), group.tail());
            if producers.are_done() {
                producers.release(BATCH * streams.len() as u64);
            }
            thread::sleep(POLL);
        }
        let watch = Watch::start(group.asked(), address, antennas);
        let first_masters = (0..MASTERS).collect();
        let started = Instant::now();
        let world =
            Self { cluster, group, streams, producers, pace: None, dashboard, watch, first_masters, lost: 0, started };
        world.settle("every antenna has reported")?;
        Ok(world)
    }

    /// So many readings at once, and how many of them a second it took until all were counted.
    pub(super) fn burst(&self, readings: u64) -> Result<u64> {
        let began = Instant::now();
        self.producers.release(readings);
        self.settle("a burst")?;
        Ok((readings as f64 / began.elapsed().as_secs_f64()) as u64)
    }

    /// Publishes so many readings a second from now on.
    pub(super) fn publish(&mut self, rate: u64) {
        self.started = Instant::now();
        self.pace = Some(Pace::start(Arc::clone(&self.producers), rate));
    }

    /// A change under load. Behind it all is as it has to be, or it has failed.
    pub(super) fn step(&mut self, number: u32, step: Step) -> Result<Row> {
        let name = format!("{number}: {}", step.change);
        let at_s = self.started.elapsed().as_secs_f64();
        let before = self.group.ledger()?.lost_by_broker;
        let replica = step.chance % self.group.replicas.len();
        let (mut lost, mut began) = (0, Instant::now());
        match step.change {
            Change::Kill => {
                let mut killed = self.group.take(replica);
                began = Instant::now();
                killed.analytics.kill(&mut self.group.seen)?;
            }
            Change::Freeze => {
                let frozen = self.group.take(replica);
                frozen.analytics.signal(Signal::Stop);
                thread::sleep(PAST_THE_LEASE);
                frozen.analytics.signal(Signal::Continue);
                self.group.put(frozen);
            }
            Change::Unreachable => {
                self.group.replicas[replica].way.close();
                thread::sleep(HOLD);
                self.group.replicas[replica].open();
            }
            Change::ScaleUp => {
                self.group.add()?;
                self.group.add()?;
            }
            Change::ScaleDown => {
                for _ in 0..2 {
                    let ended = self.group.take(step.chance % self.group.replicas.len());
                    ended.analytics.end(&mut self.group.seen)?;
                }
            }
            Change::FailOver => {
                lost = self.fail_over(step.chance)?;
            }
            Change::MoveSlot => self.move_slot(step.chance)?,
        }
        self.wait(&format!("{name}: every partition is owned"), |world| world.group.is_owned())?;
        let owned_s = began.elapsed().as_secs_f64();
        if step.change == Change::Kill {
            // As Kubernetes does.
            self.group.add()?;
            self.wait(&format!("{name}: the new one takes its part"), |world| world.group.is_owned())?;
        }
        self.lost += lost;
        self.wait(&format!("{name}: the ledger balances"), |world| {
            let ledger = world.group.ledger();
            ledger.is_ok_and(|it| it.imbalance == Some(0) && it.lost_by_broker == before + lost)
        })?;
        self.watch.check().with_context(|| name.clone())?;
        let told = self.group.ledger()?.lost_by_broker - before;
        let said = step.change.to_string();
        Ok(Row { number, said, at_s, owned_s, lost, told, replicas: self.group.replicas.len() })
    }

    /// Ends everything in good order and says what is true then.
    pub(super) fn end(mut self) -> Result<End> {
        if let Some(pace) = self.pace.take() {
            pace.end()?;
        }
        self.settle("the end")?;
        let ledger = self.group.ledger()?;
        let (acknowledged, counted) = (self.producers.acknowledged(), self.producers.recorded());
        ensure!(
            acknowledged == counted + self.lost,
            "{acknowledged} acknowledged, {counted} counted, {} lost",
            self.lost
        );
        ensure!(ledger.counted == counted, "the ledger counts {}, and the record has {counted}", ledger.counted);
        ensure!(ledger.lost_by_broker == self.lost, "{} are told lost, and {} were", ledger.lost_by_broker, self.lost);
        let others = ledger.rejected.values().sum::<u64>() + ledger.too_late + ledger.untracked + ledger.trimmed_unread;
        ensure!(others == 0, "everything that was published is in order: {ledger:?}");
        let seen = self.watch.stop()?;
        let ended = self.dashboard.end(Signal::Terminate, DEADLINE);
        self.group.end()?;
        let mut panics = self.group.seen.panics;
        panics.extend(ended.log.lines().filter(|line| line.contains("panicked")).map(str::to_owned));
        let seconds = self.started.elapsed().as_secs_f64();
        Ok(End {
            acknowledged,
            lost: self.lost,
            counted,
            ledger,
            seen,
            peak_mb: self.group.seen.peak_mb,
            panics,
            seconds,
        })
    }

    /// A master dies whose replica has not heard of everything, and the replica takes its place. Returns how many readings are gone.
    ///
    /// Nothing is published for a moment: what the broker loses is told exactly of what analytics has seen, and only of that.
    fn fail_over(&mut self, chance: usize) -> Result<u64> {
        let master = self.first_masters.remove(chance % self.first_masters.len());
        let replica = self.cluster.replica_of(master);
        self.cluster.until_it_says(replica, "INFO replication", &["master_link_status:up"]);
        self.cluster.server(master).cut_off(self.cluster.server(replica));
        thread::sleep(HOLD);
        self.pause(true);
        self.settle("before a master dies")?;
        let streams: Vec<String> = self.streams.iter().filter(|it| self.master_of(it) == master).cloned().collect();
        let added = |server: usize| streams.iter().map(|stream| self.end_of(server, stream).added).sum::<u64>();
        let before = added(master);
        self.cluster.server_mut(master).kill();
        self.cluster.until_promoted(replica);
        let added = |server: usize| streams.iter().map(|stream| self.end_of(server, stream).added).sum::<u64>();
        let entries = before - added(replica);
        let readings: u64 =
            streams.iter().map(|stream| self.producers.strike_above(stream, self.end_of(replica, stream).last)).sum();
        ensure!(readings == entries, "{entries} entries are gone, and {readings} readings of the record");
        ensure!(readings > 0, "the replica was not behind");
        self.cluster.server_mut(master).restart();
        self.pause(false);
        Ok(readings)
    }

    /// Moves the slot of a stream, with everything in it, to another master.
    fn move_slot(&self, chance: usize) -> Result<()> {
        let stream = &self.streams[chance % self.streams.len()];
        let from = self.master_of(stream);
        let masters: Vec<usize> = (0..2 * MASTERS).filter(|&it| it != from && self.is_master(it)).collect();
        let to = masters[chance % masters.len()];
        let cluster = &self.cluster;
        let slot = cluster.slot_of(stream).to_string();
        cluster.begin_to_move(stream, from, to);
        // Whoever asks for a key that has moved is sent after it.
        loop {
            let keys = cluster.server(from).ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
            if keys.is_empty() {
                break;
            }
            keys.lines().for_each(|key| cluster.move_key(key, from, to));
        }
        cluster.end_to_move(stream, from, to);
        ensure!(self.master_of(stream) == to, "the slot has not moved");
        Ok(())
    }

    /// The number of the server that has a stream now.
    fn master_of(&self, stream: &str) -> usize {
        let slot = self.cluster.slot_of(stream).to_string();
        let has = |&server: &usize| {
            self.is_master(server) && self.cluster.server(server).ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot]) != "0"
        };
        (0..2 * MASTERS).find(has).unwrap_or_else(|| self.cluster.first_master_of(stream))
    }

    fn is_master(&self, server: usize) -> bool {
        self.cluster.server(server).ask(&["INFO", "replication"]).contains("role:master")
    }

    /// Where a stream ends on a server; at its very beginning where there is none.
    fn end_of(&self, server: usize, stream: &str) -> StreamEnd {
        let server = self.cluster.server(server);
        if server.ask(&["EXISTS", stream]) == "0" {
            return StreamEnd { last: StreamId::ZERO, added: 0 };
        }
        let said = server.ask(&["XINFO", "STREAM", stream]);
        let field = |name: &str| said.lines().skip_while(|line| *line != name).nth(1).unwrap_or_default().to_owned();
        let last = field("last-generated-id").parse().unwrap_or(StreamId::ZERO);
        StreamEnd { last, added: field("entries-added").parse().unwrap_or_default() }
    }

    fn pause(&self, is_paused: bool) {
        if let Some(pace) = &self.pace {
            pace.is_paused.store(is_paused, Ordering::SeqCst);
        }
        // What was released before is still published.
        thread::sleep(TICK * 2);
    }

    /// Waits until everything that was released is acknowledged and counted, no more and no less, and committed.
    fn settle(&self, name: &str) -> Result<()> {
        self.wait(&format!("{name}: everything is acknowledged"), |world| world.producers.are_done())?;
        let recorded = self.producers.recorded();
        self.wait(&format!("{name}: {recorded} readings are counted"), |world| {
            world.group.pipeline().is_some_and(|Pipeline { totals, .. }| {
                totals.counted == recorded && totals.lag == Some(0) && totals.imbalance == Some(0)
            })
        })
    }

    /// Waits until something is so.
    fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        let asked = Instant::now();
        while !is_so(self) {
            if asked.elapsed() > PATIENCE {
                bail!("waited in vain for this: {what}; {:?}; {}", self.group.pipeline(), self.group.tail());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

/// Where a stream ends.
struct StreamEnd {
    /// Id of its last entry.
    last: StreamId,
    /// Entries ever added to it.
    added: u64,
}

/// A producer for each stream, with as many antennas as the others, each of which belongs there. The plain stream takes any.
fn targets(streams: &[String], antennas: usize, ports: &[u16]) -> Vec<Target> {
    let partitions = u16::try_from(streams.len() - 1).unwrap_or(u16::MAX);
    let each = (antennas / streams.len()).max(1);
    let mut targets: Vec<Target> = streams
        .iter()
        .map(|stream| Target { stream: stream.clone(), ports: ports.to_vec(), antennas: Vec::new() })
        .collect();
    targets[0].antennas = (0..each).map(|number| format!("{PREFIX}plain-{number:05}")).collect();
    let mut numbers = 0..;
    while let Some(number) = numbers.next().filter(|_| targets.iter().any(|target| target.antennas.len() < each)) {
        let antenna = format!("{PREFIX}{number:05}");
        let target = &mut targets[usize::from(partition_of(&antenna, partitions)) + 1].antennas;
        if target.len() < each {
            target.push(antenna);
        }
    }
    targets
}
