//! Prometheus exposition. [`METRICS`] is the one place for the metrics' names.

use prometheus::{
    Encoder, Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use shared::UnixMillis;
use shared::api::{
    AlertPage, AlertReceiver, Archive, IncidentKind, Ledger, Partition, Phase, Pipeline, SiteRow, Status, Summary,
};

use crate::answer::incidents::OpenIncidents;

/// Names and meanings of the metrics. The window is the default one, 5 minutes.
pub const METRICS: [(&str, &str); 60] = [
    ("vigia_window_readings", "Readings in the window."),
    ("vigia_window_packets_sent", "Packets sent in the window."),
    ("vigia_window_packets_delivered", "Packets delivered in the window."),
    ("vigia_window_packets_lost", "Packets lost in the window."),
    ("vigia_window_success_ratio", "Delivered share of the packets sent in the window; absent where none was sent."),
    (
        "vigia_window_availability_ratio",
        "Share of the time for which antennas were observed in the window in which they reported as often as usual and were not down; absent where nothing can be said.",
    ),
    ("vigia_window_latency_mean_seconds", "Mean latency in the window; absent where no reading carries one."),
    ("vigia_window_latency_p50_seconds", "Median latency in the window, within 2 %."),
    ("vigia_window_latency_p95_seconds", "95th percentile of latency in the window, within 2 %."),
    ("vigia_window_latency_p99_seconds", "99th percentile of latency in the window, within 2 %."),
    ("vigia_antennas", "Antennas known and retained, by status."),
    (
        "vigia_antennas_unseen",
        "Antennas that the file of antennas names by their ids and of which no reading is kept: beside those of vigia_antennas.",
    ),
    ("vigia_antennas_active", "Antennas with a reading in the window."),
    ("vigia_antennas_flapping", "Antennas that are flapping in the window."),
    (
        "vigia_antennas_unavailable",
        "Antennas that are healthy by what they measured, and were available for less than half of the window.",
    ),
    ("vigia_site_antennas", "Antennas at a site, by site and status; absent where the file of antennas names no site."),
    (
        "vigia_site_success_ratio",
        "Delivered share of the packets that antennas at a site sent in the window, by site; absent where none was sent.",
    ),
    ("vigia_incidents_open", "Open incidents, by kind."),
    ("vigia_incidents_ended_total", "Incidents that have ended since the stream began."),
    ("vigia_stream_entries_added_total", "Entries ever added to the stream."),
    ("vigia_entries_counted_total", "Entries counted in a pane."),
    ("vigia_entries_duplicate_total", "Entries whose seq had been counted before."),
    ("vigia_entries_rejected_total", "Entries that broke a rule, by reason."),
    ("vigia_entries_too_late_total", "Entries older than everything retained."),
    ("vigia_entries_untracked_total", "Readings of antennas beyond the most that are kept track of."),
    ("vigia_entries_trimmed_unread_total", "Entries removed from the stream before they were read."),
    (
        "vigia_entries_lost_by_broker_total",
        "Entries that the broker had confirmed and no longer had when it went back to an earlier state.",
    ),
    ("vigia_readings_imported_total", "Readings that were imported into the archive and never in the stream."),
    ("vigia_readings_in_memory", "Readings counted that are in memory."),
    ("vigia_readings_archived", "Readings counted or imported that are in files of the archive."),
    ("vigia_readings_expired_total", "Readings counted or imported that retention has moved past and no file holds."),
    ("vigia_archive_bytes", "Length of the archive's files; absent where nothing is archived."),
    (
        "vigia_archive_waiting_seconds",
        "Event time that is final and not in the archive yet, in whole hours; absent where nothing is archived.",
    ),
    (
        "vigia_archive_compactions_failed_total",
        "Days that could not be compacted since the start, each time that it was tried; absent where nothing is archived.",
    ),
    ("vigia_archive_failing", "1 while the last file could not be written; absent where nothing is archived."),
    (
        "vigia_archive_gaps_total",
        "Files of the archive that could not be read, each time that one was asked for; absent where nothing is archived.",
    ),
    ("vigia_alerts_sent_total", "Messages that a receiver of alerts took, by receiver; absent where nobody is told."),
    ("vigia_alerts_failed_total", "Attempts to tell a receiver that failed, by receiver; absent where nobody is told."),
    (
        "vigia_alerts_refused_total",
        "Messages that a receiver refuses and that are not tried again, by receiver; absent where nobody is told.",
    ),
    ("vigia_alerts_waiting", "Messages on their way to a receiver, by receiver; absent where nobody is told."),
    (
        "vigia_alerts_waiting_seconds",
        "How long the oldest message has been on its way to a receiver, by receiver; absent where nobody is told.",
    ),
    (
        "vigia_alerts_dropped_total",
        "Incidents that began or ended and of which nobody was told, as there were too many; absent where nobody is told.",
    ),
    (
        "vigia_alerts_file_failing",
        "1 while the file that says who is told of incidents is not used as it is; absent where nobody is told.",
    ),
    ("vigia_stream_lag_entries", "Entries still to read; absent where the broker cannot tell."),
    ("vigia_partition_lag_entries", "Entries still to read, by stream; absent where the broker cannot tell."),
    ("vigia_ledger_imbalance_entries", "Entries that the ledger does not account for; 0 unless some were lost."),
    ("vigia_batches_total", "Micro-batches merged since the start."),
    ("vigia_commits_total", "Commits since the start."),
    ("vigia_commit_duration_seconds", "How long the last commit took."),
    ("vigia_freshness_p50_seconds", "Median age of readings when they become visible."),
    ("vigia_freshness_p99_seconds", "99th percentile of the age of readings when they become visible."),
    ("vigia_newest_readings_age_seconds", "Time since the newest readings were merged."),
    ("vigia_watermark_timestamp_seconds", "Event time up to which panes have closed."),
    ("vigia_clock_offset_seconds", "Broker's clock minus that of this process; absent before they have been compared."),
    ("vigia_entries_ahead_total", "Entries since the start whose id was ahead of the broker's clock."),
    ("vigia_panes", "Panes in memory."),
    ("vigia_owner_epoch", "Highest fencing epoch of the partitions, which grows with each change of an owner."),
    ("vigia_broker_evicts", "1 while the broker removes keys when its memory is full; absent where it does not tell."),
    ("vigia_stream_exhausted", "1 while nothing can be appended, as the stream's last id is the largest there is."),
    ("vigia_ready", "1 while readings are read and committed."),
];

/// What is told of the default window.
#[derive(Debug)]
pub(crate) struct DefaultWindow {
    /// The network.
    pub(crate) summary: Summary,
    /// All sites, which are as many as the registry takes at most; none where it names none.
    pub(crate) sites: Vec<SiteRow>,
    /// Its incidents.
    pub(crate) incidents: IncidentCounts,
}

/// How many incidents there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IncidentCounts {
    /// Those that are going on, by kind.
    pub(crate) open: OpenIncidents,
    /// Those that have ended; `None` if their number is not known.
    pub(crate) ended: Option<u64>,
}

/// The exposition of the default window, of the ledger and of the pipeline's progress. What is unknown is left out: counters
/// that start at 0 and jump to millions would look like millions of entries at once.
pub(crate) fn encode(
    default_window: Option<&DefaultWindow>,
    known_ledger: Option<&Ledger>,
    pipeline: &Pipeline,
    is_evicting: Option<bool>,
    archive_gaps: Option<u64>,
    told: &AlertPage,
    now: UnixMillis,
) -> prometheus::Result<Vec<u8>> {
    let scrape = Scrape { registry: Registry::new() };
    if let Some(DefaultWindow { summary, sites: of_sites, incidents: counts }) = default_window {
        window(&scrape, summary)?;
        sites(&scrape, of_sites)?;
        incidents(&scrape, *counts)?;
        let age_seconds = summary.as_of.map(|as_of| now.seconds() - as_of.seconds());
        scrape.gauge("vigia_newest_readings_age_seconds", age_seconds)?;
    }
    if let Some(owned) = known_ledger {
        ledger(&scrape, owned)?;
    }
    if known_ledger.is_some() {
        partitions(&scrape, pipeline)?;
    }
    progress(&scrape, pipeline)?;
    scrape.int_gauge("vigia_broker_evicts", known_ledger.and(is_evicting).map(u64::from))?;
    scrape.int_gauge("vigia_stream_exhausted", known_ledger.map(|_| u64::from(pipeline.exhausted)))?;
    archive(&scrape, pipeline.archive.as_ref().filter(|_| known_ledger.is_some()))?;
    if let Some(archive_gaps) = archive_gaps {
        scrape.counter("vigia_archive_gaps_total", archive_gaps)?;
    }
    if told.enabled && told.as_of.is_some() {
        alerts(&scrape, told)?;
    }
    scrape.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    let mut text = Vec::new();
    TextEncoder::new().encode(&scrape.registry.gather(), &mut text)?;
    Ok(text)
}

fn window(scrape: &Scrape, summary: &Summary) -> prometheus::Result<()> {
    let measures = &summary.measures;
    let seconds = |latency_ms: Option<f64>| latency_ms.map(|ms| ms / 1000.0);
    scrape.int_gauge("vigia_window_readings", Some(measures.readings))?;
    scrape.int_gauge("vigia_window_packets_sent", Some(measures.packets_sent))?;
    scrape.int_gauge("vigia_window_packets_delivered", Some(measures.packets_delivered))?;
    scrape.int_gauge("vigia_window_packets_lost", Some(measures.packets_lost))?;
    scrape.gauge("vigia_window_success_ratio", measures.success_rate)?;
    scrape.gauge("vigia_window_availability_ratio", summary.availability)?;
    scrape.gauge("vigia_window_latency_mean_seconds", seconds(measures.latency_ms.mean))?;
    scrape.gauge("vigia_window_latency_p50_seconds", seconds(measures.latency_ms.p50))?;
    scrape.gauge("vigia_window_latency_p95_seconds", seconds(measures.latency_ms.p95))?;
    scrape.gauge("vigia_window_latency_p99_seconds", seconds(measures.latency_ms.p99))?;
    let antennas = summary.antennas;
    let gauges = IntGaugeVec::new(scrape.opts("vigia_antennas"), &["status"])?;
    // Whoever adds them up counts those that are known and retained, as those of the summary do.
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Unseen) {
        gauges.with_label_values(&[status.as_str()]).set(signed(antennas.of(status)));
    }
    scrape.registry.register(Box::new(gauges))?;
    scrape.int_gauge("vigia_antennas_unseen", Some(antennas.unseen))?;
    scrape.int_gauge("vigia_antennas_flapping", Some(antennas.flapping))?;
    scrape.int_gauge("vigia_antennas_unavailable", Some(antennas.unavailable))?;
    scrape.int_gauge("vigia_antennas_active", Some(antennas.active))
}

fn sites(scrape: &Scrape, sites: &[SiteRow]) -> prometheus::Result<()> {
    let antennas = IntGaugeVec::new(scrape.opts("vigia_site_antennas"), &["site", "status"])?;
    let ratios = GaugeVec::new(scrape.opts("vigia_site_success_ratio"), &["site"])?;
    for row in sites {
        for status in Status::ALL {
            antennas.with_label_values(&[&row.site, status.as_str()]).set(signed(row.antennas.of(status)));
        }
        if let Some(ratio) = row.success_rate {
            ratios.with_label_values(&[&row.site]).set(ratio);
        }
    }
    scrape.registry.register(Box::new(antennas))?;
    scrape.registry.register(Box::new(ratios))
}

fn incidents(scrape: &Scrape, counts: IncidentCounts) -> prometheus::Result<()> {
    let open = IntGaugeVec::new(scrape.opts("vigia_incidents_open"), &["kind"])?;
    for (kind, count) in IncidentKind::ALL.into_iter().zip(counts.open) {
        open.with_label_values(&[kind.as_str()]).set(signed(count));
    }
    scrape.registry.register(Box::new(open))?;
    match counts.ended {
        Some(ended) => scrape.counter("vigia_incidents_ended_total", ended),
        None => Ok(()),
    }
}

fn ledger(scrape: &Scrape, ledger: &Ledger) -> prometheus::Result<()> {
    if let Some(entries_added) = ledger.entries_added {
        scrape.counter("vigia_stream_entries_added_total", entries_added)?;
    }
    scrape.counter("vigia_entries_counted_total", ledger.counted)?;
    scrape.counter("vigia_entries_duplicate_total", ledger.duplicates)?;
    scrape.counter("vigia_entries_too_late_total", ledger.too_late)?;
    scrape.counter("vigia_entries_untracked_total", ledger.untracked)?;
    scrape.counter("vigia_entries_trimmed_unread_total", ledger.trimmed_unread)?;
    scrape.counter("vigia_entries_lost_by_broker_total", ledger.lost_by_broker)?;
    let rejected = IntCounterVec::new(scrape.opts("vigia_entries_rejected_total"), &["reason"])?;
    for (reason, count) in &ledger.rejected {
        rejected.with_label_values(&[reason.as_str()]).inc_by(*count);
    }
    scrape.registry.register(Box::new(rejected))?;
    scrape.counter("vigia_readings_imported_total", ledger.imported)?;
    scrape.int_gauge("vigia_readings_in_memory", ledger.in_memory)?;
    scrape.int_gauge("vigia_readings_archived", ledger.in_memory.map(|_| ledger.archived))?;
    if ledger.in_memory.is_some() {
        scrape.counter("vigia_readings_expired_total", ledger.expired)?;
    }
    scrape.int_gauge("vigia_stream_lag_entries", ledger.lag)?;
    if let Some(imbalance) = ledger.imbalance {
        let gauge = IntGauge::with_opts(scrape.opts("vigia_ledger_imbalance_entries"))?;
        gauge.set(imbalance);
        scrape.registry.register(Box::new(gauge))?;
    }
    Ok(())
}

fn partitions(scrape: &Scrape, pipeline: &Pipeline) -> prometheus::Result<()> {
    let lags = IntGaugeVec::new(scrape.opts("vigia_partition_lag_entries"), &["stream"])?;
    for Partition { stream, ledger, .. } in &pipeline.partitions {
        if let Some(lag) = ledger.lag {
            lags.with_label_values(&[stream]).set(signed(lag));
        }
    }
    scrape.registry.register(Box::new(lags))
}

fn archive(scrape: &Scrape, archive: Option<&Archive>) -> prometheus::Result<()> {
    scrape.int_gauge("vigia_archive_bytes", archive.map(|archive| archive.bytes))?;
    scrape.int_gauge("vigia_archive_waiting_seconds", archive.map(|archive| archive.hours_waiting * 3_600))?;
    scrape.int_gauge("vigia_archive_failing", archive.map(|archive| u64::from(archive.reason.is_some())))?;
    match archive {
        Some(archive) => scrape.counter("vigia_archive_compactions_failed_total", archive.compactions_failed),
        None => Ok(()),
    }
}

fn alerts(scrape: &Scrape, told: &AlertPage) -> prometheus::Result<()> {
    type Of = fn(&AlertReceiver) -> u64;
    let counters: [(&str, Of); 3] = [
        ("vigia_alerts_sent_total", |receiver| receiver.sent),
        ("vigia_alerts_failed_total", |receiver| receiver.failed),
        ("vigia_alerts_refused_total", |receiver| receiver.refused),
    ];
    for (name, of) in counters {
        let counts = IntCounterVec::new(scrape.opts(name), &["receiver"])?;
        told.receivers.iter().for_each(|it| counts.with_label_values(&[&it.name]).inc_by(of(it)));
        scrape.registry.register(Box::new(counts))?;
    }
    let waiting = IntGaugeVec::new(scrape.opts("vigia_alerts_waiting"), &["receiver"])?;
    let oldest = GaugeVec::new(scrape.opts("vigia_alerts_waiting_seconds"), &["receiver"])?;
    for receiver in &told.receivers {
        waiting.with_label_values(&[&receiver.name]).set(signed(receiver.waiting));
        oldest.with_label_values(&[&receiver.name]).set(receiver.oldest_waiting_seconds.unwrap_or(0.0));
    }
    scrape.registry.register(Box::new(waiting))?;
    scrape.registry.register(Box::new(oldest))?;
    scrape.counter("vigia_alerts_dropped_total", told.dropped)?;
    scrape.int_gauge("vigia_alerts_file_failing", Some(u64::from(told.reason.is_some())))
}

fn progress(scrape: &Scrape, pipeline: &Pipeline) -> prometheus::Result<()> {
    let seconds = |ms: Option<f64>| ms.map(|ms| ms / 1000.0);
    scrape.counter("vigia_batches_total", pipeline.batches.count)?;
    scrape.counter("vigia_commits_total", pipeline.commits.count)?;
    scrape.gauge("vigia_commit_duration_seconds", seconds(pipeline.commits.last_ms))?;
    scrape.gauge("vigia_freshness_p50_seconds", seconds(pipeline.freshness_ms.p50))?;
    scrape.gauge("vigia_freshness_p99_seconds", seconds(pipeline.freshness_ms.p99))?;
    scrape.gauge("vigia_watermark_timestamp_seconds", pipeline.watermark.map(UnixMillis::seconds))?;
    let offset = pipeline.clock.map(|clock| UnixMillis(clock.offset_ms).seconds());
    scrape.gauge("vigia_clock_offset_seconds", offset)?;
    scrape.counter("vigia_entries_ahead_total", pipeline.ids_ahead)?;
    scrape.int_gauge("vigia_panes", Some(pipeline.panes))?;
    scrape.int_gauge("vigia_owner_epoch", pipeline.partitions.iter().map(|partition| partition.epoch).max())?;
    scrape.int_gauge("vigia_ready", Some(u64::from(pipeline.phase == Phase::Running)))
}

/// The metrics of one scrape.
struct Scrape {
    registry: Registry,
}

impl Scrape {
    fn opts(&self, name: &str) -> Opts {
        let help = METRICS.iter().find(|(known, _)| *known == name).map_or("", |(_, help)| help);
        Opts::new(name, help)
    }

    /// A gauge; unknown is absent, never 0.
    fn gauge(&self, name: &str, value: Option<f64>) -> prometheus::Result<()> {
        let Some(value) = value else { return Ok(()) };
        let gauge = Gauge::with_opts(self.opts(name))?;
        gauge.set(value);
        self.registry.register(Box::new(gauge))
    }

    fn int_gauge(&self, name: &str, value: Option<u64>) -> prometheus::Result<()> {
        let Some(value) = value else { return Ok(()) };
        let gauge = IntGauge::with_opts(self.opts(name))?;
        gauge.set(signed(value));
        self.registry.register(Box::new(gauge))
    }

    fn counter(&self, name: &str, value: u64) -> prometheus::Result<()> {
        let counter = IntCounter::with_opts(self.opts(name))?;
        counter.inc_by(value);
        self.registry.register(Box::new(counter))
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
