//! What partitions cost on a real Redis Cluster of six nodes, and how long answers take that replicas of analytics give.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::Value;
use shared::Reading;
use shared::api::{Pipeline, path};
use shared::testing::{DEADLINE, RedisCluster, until, until_async};

use crate::broker::{Spread, now_ms, processor_time, reading};
use crate::drain::backlog;
use crate::hour::Load;
use crate::program::Program;
use crate::statistics::{median, quantile};

/// What an entry may cost more with several partitions than with one stream: a tenth.
const FLAT: f64 = 1.1;

/// Antennas that the drained entries come from, and the seconds that they are spread over.
const DRAINED: (u32, u64) = (1_000, 300);

/// The pause between two looks at a drain. An answer about 33 partitions is long, and making it is processor time too.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How often an antenna reports while questions are asked.
const INTERVAL_SECONDS: u32 = 5;

/// The pause between two questions, in which another snapshot comes.
const ASK_EVERY: Duration = Duration::from_millis(60);

/// How long a replica has to be ready once the first one is.
const GRACE: Duration = Duration::from_secs(10);

/// What is asked.
const QUESTIONS: [&str; 3] = [path::METRICS, path::SUMMARY, path::WORST];

/// The pages that are asked for.
const PAGES: [&str; 2] = ["/", "/antennas"];

/// What is asked of whoever has drained the same readings, to be answered alike.
const COMPARED: [&str; 8] = [
    "/api/v1/summary?window=5m",
    "/api/v1/antennas?window=5m&sort=p95&limit=500&step=60s",
    "/api/v1/worst?window=5m&by=failures&limit=100",
    "/api/v1/worst?window=5m&by=latency&limit=100",
    "/api/v1/series?window=5m&step=5s",
    "/api/v1/heatmap?window=5m&step=30s",
    "/api/v1/cells?window=5m&step=60s",
    "/api/v1/incidents?window=5m&limit=500&kind=down",
];

#[derive(Debug, Args)]
pub(crate) struct Scale {
    /// What is measured; both where nothing is said
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Entries that are drained
    #[arg(long, default_value_t = 2_000_000)]
    entries: u64,
    /// Numbers of partitions that they are spread over; the first is what the others are compared with
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 16, 32])]
    partitions: Vec<u16>,
    /// Rounds; the medians are reported
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Antennas of the network that is asked about
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    antennas: Vec<u32>,
    /// Panes of five seconds that are there before the first question
    #[arg(long, default_value_t = 60)]
    panes: u32,
    /// Partitions of that network
    #[arg(long, default_value_t = 16)]
    asked_partitions: u16,
    /// Numbers of replicas of analytics that are asked
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    replicas: Vec<usize>,
    /// How often each replica is asked each question
    #[arg(long, default_value_t = 100)]
    questions: usize,
}

/// A part of the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Processor time an entry, by partitions
    Cost,
    /// How long answers take, by replicas and antennas
    Answers,
}

impl Scale {
    pub(crate) async fn measure(self) -> Result<()> {
        let cluster = Cluster::start();
        if self.only != Some(Part::Answers) {
            self.cost(&cluster).await?;
        }
        if self.only != Some(Part::Cost) {
            for &antennas in &self.antennas {
                self.answers(&cluster, antennas).await?;
            }
        }
        Ok(())
    }

    /// The same readings through one stream, so many partitions, and the plain stream beside partitions that are empty.
    async fn cost(&self, cluster: &Cluster) -> Result<()> {
        let most = self.partitions.iter().copied().max().context("there is no number of partitions")?;
        let spread = |&partitions: &u16| Drained::new(cluster, &format!("spread-{partitions}"), partitions, partitions);
        let mut all: Vec<Drained> = self.partitions.iter().map(spread).collect();
        all.push(Drained::new(cluster, "plain", 1, most));
        let micros = |seconds: f64| seconds / self.entries as f64 * 1e6;
        // The same readings for all, up to the end of a pane.
        let end_ms = now_ms() / 5_000 * 5_000;
        for drained in &mut all {
            let before = cluster.processor_times().await?;
            drained
                .spread
                .fill(backlog(self.entries, DRAINED.0, DRAINED.1, end_ms).map(move |it| with_outage(it, end_ms)))?;
            cluster.until_replicated();
            let after = cluster.processor_times().await?;
            drained.added = [after[0] - before[0], after[1] - before[1]].map(micros);
        }
        let mut expected: Option<Vec<String>> = None;
        for round in 1..=self.rounds {
            for drained in &mut all {
                let (cost, answers) = drained.drain(cluster, self.entries, end_ms).await?;
                let cost = cost.map(micros);
                println!("round {round}, {}: {}", drained.title, cost.line());
                drained.costs.push(cost);
                let expected = expected.get_or_insert_with(|| answers.clone());
                for (answer, expected) in answers.iter().zip(expected) {
                    ensure!(answer == expected, "{} answers otherwise:\n{answer}\n{expected}", drained.title);
                }
            }
        }
        let bytes: usize = expected.iter().flatten().map(String::len).sum();
        let incidents = expected.iter().flatten().next_back().is_some_and(|it| it.contains("\"kind\":\"down\""));
        ensure!(incidents, "there was an outage, of which nothing is told");
        println!("all give the same answers to {} questions, to the last of {bytes} bytes", COMPARED.len());
        println!(
            "| microseconds of processor time an entry | added: masters | replicas | drained: analytics | masters | replicas \
             | together | of the first |"
        );
        println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        let first = all[0].median().together();
        let mut most_expensive = 0.0_f64;
        for drained in &all {
            let cost = drained.median();
            let ratio = cost.together() / first;
            most_expensive = most_expensive.max(ratio);
            println!(
                "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {ratio:.2} |",
                drained.title,
                drained.added[0],
                drained.added[1],
                cost.analytics,
                cost.masters,
                cost.replicas,
                cost.together(),
            );
        }
        let verdict = if most_expensive <= FLAT { "within" } else { "not within" };
        println!("the most expensive costs {most_expensive:.2} times the first: {verdict} the aim of {FLAT}");
        Ok(())
    }

    /// Questions to each of so many replicas, while every antenna goes on reporting.
    async fn answers(&self, cluster: &Cluster, antennas: u32) -> Result<()> {
        let spread = cluster.spread(&format!("asked-{antennas}"), self.asked_partitions);
        self.preload(&spread, antennas)?;
        println!("{antennas} antennas in {} partitions:", self.asked_partitions);
        println!("| replicas | ready | question | p50 | p99 | most | not answered |");
        println!("| ---: | ---: | --- | ---: | ---: | ---: | ---: |");
        for &count in &self.replicas {
            let environment = cluster.environment(&spread, self.asked_partitions);
            let replicas: Vec<Program> =
                (0..count).map(|_| Program::start("analytics", &environment)).collect::<Result<_>>()?;
            let ready = until_drained(&replicas).await;
            for (number, is_ready) in ready.iter().enumerate() {
                if !is_ready {
                    println!("replica {} of {count} is not ready, and is not asked", number + 1);
                }
            }
            let load = Load::over(spread.clone(), antennas, antennas / INTERVAL_SECONDS);
            let asked: Vec<&Program> =
                replicas.iter().zip(&ready).filter(|(_, ready)| **ready).map(|(replica, _)| replica).collect();
            // A dashboard for each, that asks nobody else.
            let dashboard = |replica: &&Program| Program::start("dashboard", &[("ANALYTICS_URL", replica.url(""))]);
            let mut dashboards: Vec<Program> = asked.iter().map(dashboard).collect::<Result<_>>()?;
            for dashboard in &mut dashboards {
                dashboard.ready(path::READYZ).await;
            }
            let pages: Vec<&Program> = dashboards.iter().collect();
            let all = QUESTIONS.map(|question| (question, &asked)).into_iter().chain(PAGES.map(|page| (page, &pages)));
            for (question, asked) in all {
                let times = self.ask(asked, question).await;
                let refused = asked.len() * self.questions - times.len();
                let of = |q| if times.is_empty() { "–".to_owned() } else { format!("{:.1} ms", quantile(&times, q)) };
                let cells = [0.5, 0.99, 1.0].map(of).join(" | ");
                println!("| {count} | {} | `{question}` | {cells} | {refused} |", asked.len());
            }
            for dashboard in dashboards {
                dashboard.stop()?;
            }
            load.stop()?;
            for replica in replicas {
                replica.stop()?;
            }
        }
        Ok(())
    }

    /// Each antenna reports once in each pane up to now.
    fn preload(&self, spread: &Spread, antennas: u32) -> Result<()> {
        let (antennas, panes) = (u64::from(antennas), u64::from(self.panes));
        let pane_ms = i64::from(INTERVAL_SECONDS) * 1000;
        let start_ms = (now_ms() / pane_ms - i64::from(self.panes)) * pane_ms;
        let mut chance = benches::chance();
        spread.fill((0..antennas * panes).map(move |number| {
            let (pane, antenna) = (number / antennas, (number % antennas) as u32);
            reading(&mut chance, antenna, start_ms + pane as i64 * pane_ms, pane)
        }))
    }

    /// Asks one program after the other, and returns the milliseconds to the first byte of each answer; of one that is not given there
    /// are none.
    async fn ask(&self, replicas: &[&Program], question: &str) -> Vec<f64> {
        let mut times = Vec::new();
        for _ in 0..self.questions {
            for replica in replicas {
                tokio::time::sleep(ASK_EVERY).await;
                times.extend(replica.first_byte(question).await.map(|took| took.as_secs_f64() * 1000.0));
            }
        }
        times
    }
}

/// The reading, of which all is lost where it is of one of some antennas and of a minute in the middle.
fn with_outage(reading: Reading, end_ms: i64) -> Reading {
    let is_lost = reading.antenna_id.ends_with("00") && (120_000..180_000).contains(&(end_ms - reading.timestamp_ms));
    Reading { loss: if is_lost { reading.packets } else { reading.loss }, ..reading }
}

/// Waits until the first replica that is ready has nothing left to read, and tells which are ready then, or soon after.
async fn until_drained(replicas: &[Program]) -> Vec<bool> {
    until_async("the backlog is drained", DEADLINE * 20, async || {
        for replica in replicas {
            let text = replica.try_get(path::PIPELINE).await.unwrap_or_default();
            let pipeline = serde_json::from_str::<Pipeline>(&text);
            if pipeline.is_ok_and(|pipeline| pipeline.totals.lag == Some(0) && pipeline.totals.counted > 0) {
                return Ok(());
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
        Err("entries are left")
    })
    .await;
    let until = Instant::now() + GRACE;
    let mut ready = Vec::new();
    for replica in replicas {
        let left = until.saturating_duration_since(Instant::now()).max(LOOK_EVERY);
        ready.push(replica.ready_within(path::READYZ, left).await.is_some());
    }
    ready
}

/// Six nodes: three masters, each with a replica.
#[derive(Debug)]
struct Cluster {
    redis: RedisCluster,
}

/// How many masters there are.
const MASTERS: usize = 3;

impl Cluster {
    fn start() -> Self {
        // However far a replica falls behind while streams are filled, it does not begin anew.
        let redis = RedisCluster::with_patient_replicas(&["--client-output-buffer-limit", "replica", "0", "0", "0"]);
        Self { redis }
    }

    fn spread(&self, name: &str, partitions: u16) -> Spread {
        let port = |stream: &str| self.redis.server(self.redis.first_master_of(stream)).port();
        Spread::over(name, partitions, port)
    }

    fn masters(&self) -> Vec<u16> {
        self.redis.servers()[..MASTERS].iter().map(|server| server.port()).collect()
    }

    /// The settings of an analytics that reads streams with so many partitions.
    fn environment(&self, spread: &Spread, partitions: u16) -> [(&'static str, String); 4] {
        [
            ("REDIS_URL", self.redis.url()),
            ("STREAM", spread.name().to_owned()),
            ("STREAM_PARTITIONS", partitions.to_string()),
            // The streams are left whole for the next round.
            ("KEEP_ENTRIES", u32::MAX.to_string()),
        ]
    }

    /// Waits until each replica has all that its master has.
    fn until_replicated(&self) {
        let offset = |number: usize| {
            let said = self.redis.server(number).ask(&["INFO", "replication"]);
            said.lines().find(|line| line.starts_with("master_repl_offset")).map(str::to_owned)
        };
        for number in 0..MASTERS {
            until("a replica has everything", DEADLINE, || {
                let [master, replica] = [number, self.redis.replica_of(number)].map(offset);
                if master == replica { Ok(()) } else { Err(format!("{master:?} {replica:?}")) }
            });
        }
    }

    /// Seconds of processor time of all masters, and of all replicas.
    async fn processor_times(&self) -> Result<[f64; 2]> {
        let mut times = [0.0; 2];
        for (number, server) in self.redis.servers().iter().enumerate() {
            times[number / MASTERS] += processor_time(server).await?;
        }
        Ok(times)
    }
}

/// Readings that are spread over streams in a way, and what draining them has cost, round by round.
#[derive(Debug)]
struct Drained {
    title: String,
    spread: Spread,
    /// The number that analytics is told.
    partitions: u16,
    /// What adding an entry has cost masters and replicas, in microseconds.
    added: [f64; 2],
    /// What draining it has cost.
    costs: Vec<Cost>,
}

/// Processor time.
#[derive(Debug, Clone, Copy)]
struct Cost {
    analytics: f64,
    masters: f64,
    replicas: f64,
}

impl Drained {
    fn new(cluster: &Cluster, name: &str, streams: u16, partitions: u16) -> Self {
        let title = match (streams, partitions) {
            (1, 1) => "one stream".to_owned(),
            (1, beside) => format!("the plain stream, beside {beside} empty ones"),
            (several, _) => format!("{several} partitions"),
        };
        Self { title, spread: cluster.spread(name, streams), partitions, added: [0.0; 2], costs: Vec::new() }
    }

    /// Seconds, from the start of analytics until all is committed and it has ended, and what it answers about the readings up to
    /// a time.
    async fn drain(&self, cluster: &Cluster, entries: u64, end_ms: i64) -> Result<(Cost, Vec<String>)> {
        let before = cluster.processor_times().await?;
        let mut analytics = Program::start("analytics", &cluster.environment(&self.spread, self.partitions))?;
        analytics.drained_asking(entries, LOOK_EVERY).await?;
        let used = analytics.processor_time()?.as_secs_f64();
        cluster.until_replicated();
        let after = cluster.processor_times().await?;
        let mut answers = Vec::new();
        for question in COMPARED {
            let mut answer: Value =
                serde_json::from_str(&analytics.get(&format!("{question}&end={}", end_ms / 1_000)).await?)?;
            // When readings were merged is no part of them.
            answer.as_object_mut().context("an answer that is an object")?.remove("as_of");
            answers.push(answer.to_string());
        }
        analytics.stop()?;
        self.spread.forget(&cluster.masters()).await?;
        Ok((Cost { analytics: used, masters: after[0] - before[0], replicas: after[1] - before[1] }, answers))
    }

    fn median(&self) -> Cost {
        let of = |figure: fn(&Cost) -> f64| median(&self.costs.iter().map(figure).collect::<Vec<_>>());
        Cost { analytics: of(|it| it.analytics), masters: of(|it| it.masters), replicas: of(|it| it.replicas) }
    }
}

impl Cost {
    fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self { analytics: change(self.analytics), masters: change(self.masters), replicas: change(self.replicas) }
    }

    fn together(self) -> f64 {
        self.analytics + self.masters + self.replicas
    }

    fn line(self) -> String {
        let Self { analytics, masters, replicas } = self;
        format!("analytics {analytics:.2} us, masters {masters:.2} us, replicas {replicas:.2} us an entry")
    }
}
