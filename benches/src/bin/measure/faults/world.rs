//! All programs together, each fault, and what has to be true behind it.

use std::thread;
use std::time::{Duration, Instant};

use analytics::ingest::stream_id::StreamId;
use anyhow::{Context as _, Result, bail, ensure};
use shared::api::{Ledger, Phase, Pipeline, Summary, path};
use shared::testing::Signal;

use super::plan::{Fault, Step};
use super::processes::{Analytics, Seen, Simulator};
use super::producer::{PREFIX, Producers, Target};
use super::proxy::Proxy;
use super::report::{End, Row};
use super::said;
use super::servers::Server;
use crate::broker::STREAM;

/// Who has not recovered by then has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// An owner that does not renew its lease for so long has lost the stream, and a standby needs a moment to notice.
const PAST_THE_LEASE: Duration = Duration::from_secs(4);

/// Two processes that agree for so long who owns the stream are done with moving it: heartbeats are far more often.
const SETTLED: Duration = Duration::from_secs(2);

/// How often something is looked at that is waited for.
const POLL: Duration = Duration::from_millis(10);

/// What runs in a world.
#[derive(Debug)]
pub(crate) struct Load {
    /// Antennas of the producers that keep a record.
    pub(crate) recorded: u32,
    /// The simulators: how many antennas each has, and how often they report.
    pub(crate) simulators: Vec<(u32, &'static str)>,
    /// Settings of analytics.
    pub(crate) settings: Vec<(&'static str, String)>,
    /// Whether all readings stay in the window, so that those with a record can be counted one by one. Where they do not, the
    /// ledger has to do.
    pub(crate) keeps_all: bool,
}

/// All programs together.
#[derive(Debug)]
pub(crate) struct World {
    load: Load,
    analytics: Analytics,
    /// A standby, in a step that needs one.
    standby: Option<Analytics>,
    simulators: Vec<Simulator>,
    producers: Producers,
    master: Server,
    replica: Server,
    /// The way of the producers and simulators to the master, that of analytics, and that of the replica.
    front: Proxy,
    back: Proxy,
    link: Proxy,
    /// The way to whichever analytics owns the stream.
    web: Proxy,
    seen: Seen,
    /// Readings with a record that the broker has lost.
    lost: u64,
    started: Instant,
}

/// A fault that is over.
struct Over {
    began: Instant,
    ended: Instant,
    /// Readings with a record that the broker has lost.
    lost: u64,
    /// By how much `lost_by_broker` has to grow, where that is known.
    told: Option<u64>,
}

impl World {
    pub(crate) fn start(load: Load) -> Result<Self> {
        let (master, replica) = (Server::start()?, Server::start()?);
        let [front, back, link] =
            [Proxy::start(master.port())?, Proxy::start(master.port())?, Proxy::start(master.port())?];
        replica.ask::<()>(&["REPLICAOF", "127.0.0.1", &link.port().to_string()])?;
        let mut seen = Seen::default();
        let analytics = Analytics::start(&back.url(), &load.settings, &mut seen);
        let web = Proxy::start(analytics.port())?;
        let producers = Producers::start(targets(front.port(), load.recorded));
        let mut world = Self {
            load,
            analytics,
            standby: None,
            simulators: Vec::new(),
            producers,
            master,
            replica,
            front,
            back,
            link,
            web,
            seen,
            lost: 0,
            started: Instant::now(),
        };
        world.start_simulators();
        Ok(world)
    }

    /// Whether a broker's disk can be filled.
    pub(crate) fn has_disk(&self) -> bool {
        self.master.disk().is_some() && self.replica.disk().is_some()
    }

    /// A burst without a fault.
    pub(crate) fn warm_up(&mut self, readings: u64) -> Result<()> {
        self.producers.release(readings);
        self.settle("a burst without a fault").map(|_| ())
    }

    /// A burst with a fault in it. Behind it all is as it has to be, or the step has failed.
    pub(crate) fn step(&mut self, number: usize, step: &Step, burst: u64) -> Result<Row> {
        let name = said(step);
        self.replica.wait_for_info("replication", "master_link_status", "up")?;
        self.prepare(step.fault)?;
        let before_all = self.pipeline()?.totals;
        let base = self.producers.acknowledged();
        let first = burst * step.at_permille / 1_000;
        let before = if step.fault.takes_entries() {
            self.producers.release(first);
            self.settle(&name)?;
            self.quiet(&name)?
        } else {
            self.producers.release(burst);
            self.wait(&name, |world| world.producers.acknowledged() >= base + first)?;
            before_all.clone()
        };
        let acknowledged = self.producers.acknowledged();
        let at_s = self.started.elapsed().as_secs_f64();
        if step.kills_analytics {
            self.kill_analytics()?;
        }
        let over = self.inject(step, &before).with_context(|| format!("{number}: {name}"))?;
        self.lost += over.lost;
        if step.fault.takes_entries() {
            self.start_simulators();
            self.producers.release(burst - first);
        }
        let end = self.master.end()?.last;
        self.wait(&format!("{number}: {name}: analytics has caught up"), |world| {
            world.analytics.pipeline().is_some_and(|pipeline| has_committed(&pipeline, end))
        })?;
        if let Some(expected) = over.told {
            // Until the owner has looked at the stream again, what it tells is of before, and balances as well.
            self.wait(&format!("{number}: {name}: {expected} entries are told lost"), |world| {
                let pipeline = world.analytics.pipeline();
                pipeline.is_some_and(|it| it.totals.lost_by_broker.saturating_sub(before.lost_by_broker) == expected)
            })?;
        }
        let recovered = Instant::now();
        let (after, counted) = self.settle(&format!("{number}: {name}"))?;
        // An owner that goes back begins from what the broker says, which may be before the last thing it had been told.
        let told = after.lost_by_broker.saturating_sub(before.lost_by_broker);
        let trimmed_unread = after.trimmed_unread.saturating_sub(before.trimmed_unread);
        if let Some(expected) = over.told {
            ensure!(
                told == expected,
                "{number}: {name}: {told} entries are told lost, and {expected} were; {}",
                self.analytics.tail()
            );
        }
        ensure!(trimmed_unread == 0, "{number}: {name}: {trimmed_unread} entries were trimmed unread");
        Ok(Row {
            number,
            step: *step,
            said: name,
            at_s,
            acknowledged,
            lasted_s: (over.ended - over.began).as_secs_f64(),
            recovered_s: (recovered - over.ended).as_secs_f64(),
            lost: over.lost,
            told,
            trimmed_unread,
            counted,
            imbalance: after.imbalance.context("an imbalance")?,
        })
    }

    /// Ends everything in good order and says what is true then.
    pub(crate) fn end(mut self) -> Result<End> {
        let ledger = self.quiet("the end")?;
        let acknowledged = self.producers.acknowledged();
        let recorded = self.producers.recorded();
        ensure!(acknowledged == recorded + self.lost, "the record is of {recorded}, {} were lost", self.lost);
        let counted = if self.load.keeps_all { self.check_what_is_kept(&ledger)? } else { recorded };
        ensure!(
            acknowledged == counted + self.lost,
            "{acknowledged} acknowledged, {counted} counted, {} lost",
            self.lost
        );
        self.analytics.end(&mut self.seen)?;
        let (batches_sent_again, refusals) = (self.producers.sent_again(), self.producers.refusals());
        self.producers.stop()?;
        Ok(End {
            acknowledged,
            lost: self.lost,
            counted,
            ledger,
            processes_of_analytics: self.seen.analytics,
            peak_mb: self.seen.peak_mb,
            batches_sent_again,
            refusals,
            replies_struck: self.back.struck(),
            lines_logged: self.seen.lines,
            panics: self.seen.panics,
            seconds: self.started.elapsed().as_secs_f64(),
        })
    }

    /// Where everything that was counted is in the window, the figures add up to the ledger. Returns the readings with a record.
    fn check_what_is_kept(&self, ledger: &Ledger) -> Result<u64> {
        ensure!(ledger.in_memory == Some(ledger.counted), "what is counted is in memory: {ledger:?}");
        let summary: Summary =
            self.analytics.get(&format!("{}?window=1h", path::SUMMARY)).context("no summary at the end")?;
        ensure!(summary.measures.readings == ledger.counted, "the window holds what was counted: {summary:?}");
        let refused = ledger.rejected.values().sum::<u64>() + ledger.too_late + ledger.untracked;
        ensure!(refused == 0, "everything that was published is in order: {ledger:?}");
        self.analytics.counted_of_producers().context("no answer at the end")
    }

    /// The way to whichever analytics owns the stream.
    pub(crate) const fn web_port(&self) -> u16 {
        self.web.port()
    }

    /// The running processes by their names, with their ids.
    pub(crate) fn processes(&self) -> Vec<(&'static str, u32)> {
        let simulators = self.simulators.iter().map(|simulator| ("simulator", simulator.id()));
        let others = [("analytics", self.analytics.id()), ("master", self.master.id()), ("replica", self.replica.id())];
        others.into_iter().chain(simulators).collect()
    }

    /// The last lines of one of them, by its id.
    pub(crate) fn tail(&self, id: u32) -> String {
        let simulators = self.simulators.iter().map(|simulator| (simulator.id(), simulator.tail()));
        let brokers = [&self.master, &self.replica].map(|broker| (broker.id(), broker.tail()));
        let all = std::iter::once((self.analytics.id(), self.analytics.tail())).chain(simulators).chain(brokers);
        all.filter(|(known, _)| *known == id).map(|(_, tail)| tail).collect()
    }

    /// Length of the files of the master and its replica in bytes.
    pub(crate) fn file_bytes(&self) -> [u64; 2] {
        [self.master.file_bytes(), self.replica.file_bytes()]
    }

    /// What has to be done before the burst.
    fn prepare(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::FreezeAnalytics => {
                let standby = Analytics::start(&self.back.url(), &self.load.settings, &mut self.seen);
                let standby = self.standby.insert(standby);
                let owner = settled(&self.analytics, standby)?;
                if standby.is(&owner) {
                    // The newcomer is the one that is to own the stream.
                    std::mem::swap(&mut self.analytics, standby);
                    self.web.open_to(self.analytics.port());
                }
            }
            Fault::KillRedisAlways => self.master.set("appendfsync", "always")?,
            Fault::PromoteBehind => self.link.stall_after(0),
            _ => {}
        }
        Ok(())
    }

    /// Makes a fault, and ends it.
    fn inject(&mut self, step: &Step, before: &Ledger) -> Result<Over> {
        let began = Instant::now();
        let hold = Duration::from_millis(step.for_ms);
        let (mut lost, mut told) = (0, Some(0));
        match step.fault {
            Fault::KillAnalytics => self.kill_analytics()?,
            Fault::FreezeAnalytics => self.freeze(hold)?,
            Fault::KillSimulator => {
                let number = usize::try_from(step.chance)? % self.simulators.len();
                self.simulators[number].kill(&mut self.seen);
                self.simulators[number] = self.simulator(number);
            }
            Fault::KillRedisEverysec | Fault::KillRedisAlways => {
                self.master.kill();
                self.front.close();
                thread::sleep(hold);
                self.master.restart();
                lost = self.producers.strike_above(STREAM, self.master.end()?.last);
                if step.fault == Fault::KillRedisAlways {
                    ensure!(lost == 0, "{lost} readings are lost that were written before they were acknowledged");
                } else {
                    // What the kernel had not been given yet may be lost, and analytics may have seen some of it.
                    told = None;
                }
                self.front.open_to(self.master.port());
            }
            Fault::Promote => {
                (lost, told) = (self.promote(hold)?, None);
            }
            Fault::PromoteBehind => {
                let ahead = self.master.end()?.added;
                lost = self.promote(hold)?;
                // Nobody has written anything since.
                told = Some(ahead - self.master.end()?.added);
                ensure!(lost > 0, "the replica was not behind");
            }
            Fault::CutMidReply => {
                let struck = self.back.struck();
                self.back.cut_after(usize::try_from(step.chance)?);
                self.wait("a reply is cut", |world| world.back.struck() > struck)?;
                self.front.cut();
            }
            Fault::StallMidReply => {
                let struck = self.back.struck();
                self.back.stall_after(usize::try_from(step.chance)?);
                self.wait("a reply is stalled", |world| world.back.struck() > struck)?;
                thread::sleep(hold);
                // Every other one never goes on.
                if step.chance.is_multiple_of(2) {
                    self.back.cut();
                }
                self.back.resume();
            }
            Fault::MaxMemory => {
                let used = self.master.info("memory", "used_memory")?;
                self.master.set("maxmemory", &used)?;
                thread::sleep(hold);
                self.master.set("maxmemory", "0")?;
            }
            Fault::DiskFull => {
                let disk = self.master.disk().context("a disk")?;
                disk.fill()?;
                self.master.wait_for_info("persistence", "aof_last_write_status", "err")?;
                thread::sleep(hold);
                disk.empty()?;
                self.master.wait_for_info("persistence", "aof_last_write_status", "ok")?;
                // As docs/operations.md says: a file that a full disk cut short may not load at the next start.
                self.master.rewrite()?;
            }
            Fault::WrongType => {
                self.master.transact(&[&["RENAME", STREAM, ASIDE], &["SET", STREAM, "not a stream"]])?;
                thread::sleep(hold);
                self.master.transact(&[&["DEL", STREAM], &["RENAME", ASIDE, STREAM]])?;
            }
            Fault::DeleteStream => self.master.ask::<()>(&["DEL", STREAM])?,
            Fault::FlushAll => {
                self.master.ask::<()>(&["FLUSHALL"])?;
                lost = self.producers.strike_above(STREAM, self.master.end()?.last);
                told = Some(before.entries_added.context("entries")? - before.lost_by_broker);
            }
        }
        Ok(Over { began, ended: Instant::now(), lost, told })
    }

    /// SIGKILL, and a new process at once.
    fn kill_analytics(&mut self) -> Result<()> {
        self.analytics.kill(&mut self.seen)?;
        self.analytics = Analytics::start(&self.back.url(), &self.load.settings, &mut self.seen);
        self.web.open_to(self.analytics.port());
        Ok(())
    }

    /// The owner is frozen past its lease; the standby takes over; the owner wakes up and has to find that out.
    fn freeze(&mut self, hold: Duration) -> Result<()> {
        let standby = self.standby.take().context("a standby")?;
        let (_, frozen) = self.analytics.owner().context("an owner")?;
        self.analytics.signal(Signal::Stop);
        thread::sleep(PAST_THE_LEASE);
        let asked = Instant::now();
        while standby.owner().is_none_or(|(owner, epoch)| epoch <= frozen || !standby.is(&owner)) {
            ensure!(asked.elapsed() < PATIENCE, "the standby does not take over: {}", standby.tail());
            thread::sleep(POLL);
        }
        thread::sleep(hold);
        let old = std::mem::replace(&mut self.analytics, standby);
        self.web.open_to(self.analytics.port());
        old.signal(Signal::Continue);
        let asked = Instant::now();
        // It knows a later term than its own: that of the standby, or one that it was given back as the one that is to own the stream.
        while old.owner().is_none_or(|(_, epoch)| epoch <= frozen) {
            ensure!(asked.elapsed() < PATIENCE, "it does not notice that it lost the stream: {}", old.tail());
            thread::sleep(POLL);
        }
        old.end(&mut self.seen)
    }

    /// The master dies, the replica becomes the master, and the old master its replica. Returns how many readings with a
    /// record are gone.
    fn promote(&mut self, hold: Duration) -> Result<u64> {
        self.master.kill();
        self.front.close();
        self.back.close();
        thread::sleep(hold);
        self.replica.ask::<()>(&["REPLICAOF", "NO", "ONE"])?;
        std::mem::swap(&mut self.master, &mut self.replica);
        let lost = self.producers.strike_above(STREAM, self.master.end()?.last);
        self.link.close();
        for way in [&self.front, &self.back, &self.link] {
            way.open_to(self.master.port());
        }
        self.replica.restart();
        self.replica.ask::<()>(&["REPLICAOF", "127.0.0.1", &self.link.port().to_string()])?;
        Ok(lost)
    }

    /// Waits until everything that was released is acknowledged and what is in the record is counted, no more and no less,
    /// with a ledger that balances.
    fn settle(&self, name: &str) -> Result<(Ledger, u64)> {
        self.wait(&format!("{name}: everything is acknowledged"), |world| world.producers.are_done())?;
        let recorded = self.producers.recorded();
        let asked = Instant::now();
        loop {
            let counted = if self.load.keeps_all { self.analytics.counted_of_producers() } else { Some(recorded) };
            let pipeline = self.analytics.pipeline();
            if let (Some(counted), Some(Pipeline { phase: Phase::Running, totals, .. })) = (counted, &pipeline)
                && counted == recorded
                && totals.imbalance == Some(0)
            {
                return Ok((totals.clone(), counted));
            }
            if asked.elapsed() > PATIENCE {
                bail!(
                    "{name}: {recorded} readings are to be counted, and {counted:?} are; {pipeline:?}; {}",
                    self.analytics.tail()
                );
            }
            thread::sleep(POLL);
        }
    }

    /// Ends the simulators, and waits until everything in the stream has been read and committed.
    fn quiet(&mut self, name: &str) -> Result<Ledger> {
        for simulator in self.simulators.drain(..) {
            simulator.end(&mut self.seen)?;
        }
        let end = self.master.end()?.last;
        self.wait(&format!("{name}: everything is committed"), |world| {
            world.analytics.pipeline().is_some_and(|pipeline| {
                has_committed(&pipeline, end) && pipeline.totals.lag == Some(0) && pipeline.totals.imbalance == Some(0)
            })
        })?;
        self.settle(name).map(|(ledger, _)| ledger)
    }

    fn start_simulators(&mut self) {
        self.simulators = (0..self.load.simulators.len()).map(|number| self.simulator(number)).collect();
    }

    fn simulator(&self, number: usize) -> Simulator {
        let (antennas, interval) = self.load.simulators[number];
        Simulator::start(self.front.port(), number, antennas, interval)
    }

    fn pipeline(&self) -> Result<Pipeline> {
        self.analytics.pipeline().context("analytics does not answer")
    }

    /// Waits until something is so.
    fn wait(&self, what: &str, mut is_so: impl FnMut(&Self) -> bool) -> Result<()> {
        let asked = Instant::now();
        while !is_so(self) {
            if asked.elapsed() > PATIENCE {
                bail!("waited in vain for this: {what}; {:?}; {}", self.analytics.pipeline(), self.analytics.tail());
            }
            thread::sleep(POLL);
        }
        Ok(())
    }
}

/// Two producers, with half of the antennas each.
fn targets(port: u16, antennas: u32) -> Vec<Target> {
    let target = |number: u32| Target {
        stream: STREAM.to_owned(),
        ports: vec![port],
        antennas: (0..(antennas / 2).max(1)).map(|antenna| format!("{PREFIX}{number}-{antenna:05}")).collect(),
    };
    (0..2).map(target).collect()
}

/// Where the stream is kept while its key is something else.
const ASIDE: &str = "{antenna_stream}:aside";

/// Whether an owner that is ready has committed an entry and everything before it.
fn has_committed(pipeline: &Pipeline, id: StreamId) -> bool {
    let committed = pipeline.partitions.first().and_then(|partition| partition.committed.parse::<StreamId>().ok());
    pipeline.phase == Phase::Running && committed.is_some_and(|committed| committed >= id)
}

/// The name of the owner that two processes agree on.
fn settled(one: &Analytics, other: &Analytics) -> Result<String> {
    let (began, mut agreed) = (Instant::now(), None);
    loop {
        let told = one.owner().filter(|owner| other.owner().as_ref() == Some(owner));
        match (told, &agreed) {
            (Some(owner), Some((before, since))) if owner == *before => {
                if Instant::now().duration_since(*since) > SETTLED {
                    return Ok(owner.0);
                }
            }
            (told, _) => agreed = told.map(|owner| (owner, Instant::now())),
        }
        ensure!(began.elapsed() < PATIENCE, "no owner that both know: {}{}", one.tail(), other.tail());
        thread::sleep(POLL);
    }
}
