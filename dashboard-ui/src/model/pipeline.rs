//! The way of the readings from the stream to the page: where every entry went, how fast, and who does it.

use shared::api::{Ledger, Phase, Pipeline, PipelineHistory, PipelineSample, RejectedExample, RejectedPage};
use shared::{Rejection, UnixMillis};

use super::charts::Axis;
use super::{Frame, Level, Moment, Part, Scene, Verdict};
use crate::format;
use crate::language::Language;
use crate::plot::{self, Scale};
use crate::source::PipelineFigures;

/// So many entries still to read are no backlog yet: a batch or two of a busy network.
const BACKLOG: u64 = 100_000;

/// An axis of entries reaches at least so far: one entry on its way is no mountain.
const LAG_LEAST: f64 = 8.0;

/// How many stretches the time axis is divided into.
const TIME_STRETCHES: i64 = 4;

/// The pipeline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PipelineScreen {
    pub(crate) frame: Frame,
    pub(crate) verdict: Verdict,
    /// The ledger: what was added to the stream first, then the columns that add up to it.
    pub(crate) ledger: Vec<LedgerTerm>,
    /// Whether the columns add up, in words; `None` where the broker has not told.
    pub(crate) balance: Option<(Level, String)>,
    /// Figures of the moment: a label, a value, and what puts it in its place.
    pub(crate) figures: Vec<(&'static str, String, String)>,
    /// Readings a second, freshness, lag over the last minutes; empty where analytics does not tell.
    pub(crate) charts: Vec<PaceChart>,
    /// The heads and rows of the table that says the same in numbers, newest first.
    pub(crate) steps: (Vec<&'static str>, Vec<(Moment, Vec<String>)>),
    /// The stages of a batch.
    pub(crate) stages: Vec<Stage>,
    /// Rejected entries by reason, those there are.
    pub(crate) reasons: Vec<RejectedReason>,
    /// The newest of them; `None` where analytics does not tell.
    pub(crate) rejected: Option<Vec<RejectedRow>>,
    /// A name and its text for each partition.
    pub(crate) partitions: Vec<Vec<(&'static str, String)>>,
}

/// A term of the ledger's equation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LedgerTerm {
    /// What stands before it: nothing, `=` or `+`.
    pub(crate) sign: &'static str,
    pub(crate) count: String,
    pub(crate) label: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
    /// Whether it is a loss or a fault if it is not zero.
    pub(crate) is_bad: bool,
}

/// One course over the last minutes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PaceChart {
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) axis: Axis,
    pub(crate) labels: Vec<String>,
    /// Bars or lines: a class and a path.
    pub(crate) paths: Vec<(&'static str, String)>,
    /// What the legend says: a class and its words.
    pub(crate) legend: Vec<(&'static str, &'static str)>,
    pub(crate) gaps: String,
    /// The chart in words.
    pub(crate) description: String,
}

/// A stage of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
    /// In the last batch.
    pub(crate) last: String,
    /// A batch, over the last minutes.
    pub(crate) mean: String,
    /// Its share of all stages over the last minutes, from 0 to 1.
    pub(crate) share: f64,
}

/// A reason for which entries were rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectedReason {
    pub(crate) reason: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) count: String,
}

/// A rejected entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectedRow {
    pub(crate) source_id: String,
    pub(crate) at: Moment,
    pub(crate) reason: &'static str,
    /// Name and value of each field.
    pub(crate) fields: Vec<(String, String)>,
}

pub(super) fn pipeline_screen(figures: &PipelineFigures, frame: Frame, scene: &Scene<'_>) -> PipelineScreen {
    let PipelineFigures { pipeline, history, rejected, .. } = figures;
    let samples = history.as_ref().map_or(&[][..], |history| &history.samples);
    PipelineScreen {
        verdict: verdict(pipeline, scene),
        ledger: ledger(&pipeline.totals, scene.language()),
        balance: balance(&pipeline.totals, scene.language()),
        figures: moment_figures(pipeline, scene),
        charts: history.as_ref().map(|history| charts(history, scene)).unwrap_or_default(),
        steps: steps(samples, history.as_ref().map_or(1.0, |history| history.step_seconds), scene),
        stages: stages(pipeline, samples, scene.language()),
        reasons: reasons(&pipeline.totals, scene.language()),
        rejected: rejected.as_ref().map(|page| rejected_rows(page, scene)),
        partitions: partitions(pipeline, scene.language()),
        frame,
    }
}

fn verdict(pipeline: &Pipeline, scene: &Scene<'_>) -> Verdict {
    let language = scene.language();
    let totals = &pipeline.totals;
    let lag = totals.lag.unwrap_or_default();
    let (level, sentence) = match pipeline.phase {
        Phase::Running if totals.imbalance.is_some_and(|imbalance| imbalance != 0) => {
            (Level::Bad, language.text("The ledger does not add up", "El balance no cuadra"))
        }
        Phase::Running if lag > BACKLOG => {
            (Level::Warning, language.text("Catching up with a backlog", "Poniéndose al día con lo acumulado"))
        }
        Phase::Running => {
            (Level::Good, language.text("Every entry is accounted for", "Cada entrada está contabilizada"))
        }
        Phase::Starting => (Level::Unknown, language.text("Starting", "Arrancando")),
        Phase::Standby => (
            Level::Warning,
            language.text("Standing by: another process owns the stream", "En espera: otro proceso tiene el flujo"),
        ),
        Phase::BrokerAway => (
            Level::Bad,
            language.text(
                "The broker can’t be reached: figures stand still",
                "No hay conexión con el broker: las cifras no avanzan",
            ),
        ),
        Phase::Stopping => {
            (Level::Warning, language.text("Stopping after a last commit", "Parando tras un último commit"))
        }
    };
    let mut detail = vec![
        Part::text(language.text("Running since ", "En marcha desde ")),
        Part::Time(Moment::near(pipeline.started_at, scene.now, language)),
        Part::text(" "),
        Part::Zone,
    ];
    if let Some(at) = pipeline.commits.last_at {
        detail.push(Part::text(language.text(", last commit at ", ", último commit a las ")));
        detail.push(Part::Time(Moment::near(at, scene.now, language)));
    }
    Verdict { level, sentence: sentence.to_owned(), detail }
}

fn ledger(totals: &Ledger, language: Language) -> Vec<LedgerTerm> {
    let term = |sign, count, label, meaning, is_bad: bool| LedgerTerm {
        sign,
        count: format::count_if_known(count),
        label,
        meaning,
        is_bad: is_bad && count.is_some_and(|count| count > 0),
    };
    vec![
        term(
            "",
            totals.entries_added,
            language.text("added", "añadidas"),
            language.text("entries ever added to the stream", "entradas añadidas al flujo desde siempre"),
            false,
        ),
        term(
            "=",
            Some(totals.counted),
            language.text("counted", "contadas"),
            language.text("in a window", "en una ventana"),
            false,
        ),
        term(
            "+",
            Some(totals.duplicates),
            language.text("duplicates", "duplicadas"),
            language.text("sent again, counted once", "enviadas otra vez, contadas una"),
            false,
        ),
        term(
            "+",
            Some(totals.rejected.values().sum()),
            language.text("rejected", "rechazadas"),
            language.text("broke a rule, see below", "incumplen una regla, ver abajo"),
            false,
        ),
        term(
            "+",
            Some(totals.too_late),
            language.text("too late", "tardías"),
            language.text("older than everything kept", "más antiguas que todo lo conservado"),
            false,
        ),
        term(
            "+",
            totals.lag,
            language.text("to read", "por leer"),
            language.text("still in the stream", "aún en el flujo"),
            false,
        ),
        term(
            "+",
            Some(totals.trimmed_unread),
            language.text("lost unread", "perdidas sin leer"),
            language.text("removed before they were read", "eliminadas antes de leerse"),
            true,
        ),
    ]
}

fn balance(totals: &Ledger, language: Language) -> Option<(Level, String)> {
    Some(match totals.imbalance? {
        0 => (Level::Good, language.text("It adds up exactly.", "Cuadra exactamente.").to_owned()),
        imbalance => (
            Level::Bad,
            match language {
                Language::English => format!("It is off by {imbalance}."),
                Language::Spanish => format!("Descuadra en {imbalance}."),
            },
        ),
    })
}

fn moment_figures(pipeline: &Pipeline, scene: &Scene<'_>) -> Vec<(&'static str, String, String)> {
    let language = scene.language();
    let rate = pipeline.batches.rows_per_second;
    let freshness = &pipeline.freshness_ms;
    let commits = &pipeline.commits;
    vec![
        (
            language.text("Readings a second", "Lecturas por segundo"),
            if rate < 100.0 { language.fixed(rate, 1) } else { format::count(rate.round() as u64) },
            language.plural(pipeline.batches.count, ["batch", "batches"], ["lote", "lotes"]),
        ),
        (
            language.text("Still to read", "Por leer"),
            format::count_if_known(pipeline.totals.lag),
            language.plural(
                pipeline.panes,
                ["pane in memory", "panes in memory"],
                ["panel en memoria", "paneles en memoria"],
            ),
        ),
        (
            language.text("From broker to page", "Del broker a la página"),
            language.latency(freshness.p50),
            format!("p99 {}", language.latency(freshness.p99)),
        ),
        (
            language.text("Last commit took", "El último commit tardó"),
            language.latency(commits.last_ms),
            language.plural(commits.count, ["commit", "commits"], ["commit", "commits"]),
        ),
    ]
}

fn charts(history: &PipelineHistory, scene: &Scene<'_>) -> Vec<PaceChart> {
    let language = scene.language();
    // The last step is still filling up: drawn, it would look like a fall.
    let samples = &history.samples[..history.samples.len().saturating_sub(1)];
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Vec::new() };
    let step_ms = (history.step_seconds * 1000.0) as i64;
    let (start_ms, end_ms) = (first.start.0, last.start.0 + step_ms);
    let time = |stretch| Moment::time(UnixMillis(start_ms + (end_ms - start_ms) * stretch / TIME_STRETCHES));
    let axis = Axis { times: (0..=TIME_STRETCHES).map(time).collect(), start_ms, end_ms, step_ms };
    let values = |value: &dyn Fn(&PipelineSample) -> Option<f64>| samples.iter().map(value).collect::<Vec<_>>();
    let rate = values(&|sample| Some(sample.rows as f64 / history.step_seconds));
    let (p50, p99) = (values(&|sample| sample.freshness_ms.p50), values(&|sample| sample.freshness_ms.p99));
    let lag = values(&|sample| sample.lag.map(|lag| lag as f64));
    let highest = |values: &[Option<f64>]| values.iter().flatten().copied().fold(0.0, f64::max);
    let labels = |scale: Scale| {
        let (ticks, step) = scale.ticks();
        ticks.into_iter().map(|tick| language.axis_number(tick, step)).collect::<Vec<_>>()
    };
    let unknown = |values: &[Option<f64>]| {
        plot::stretches(&values.iter().map(|value| value.is_none().then_some(1.0)).collect::<Vec<_>>())
    };
    let says = |title: &str, highest: f64, unit: &str| match language {
        Language::English => {
            format!("{title} over the last minutes, at most {}{unit}.", language.axis_number(highest, highest))
        }
        Language::Spanish => {
            format!("{title} en los últimos minutos, como máximo {}{unit}.", language.axis_number(highest, highest))
        }
    };
    let (rate_scale, age_scale, lag_scale) = (
        Scale::from_zero_to(highest(&rate)),
        Scale::from_zero_to(highest(&p99)),
        Scale::from_zero_to(highest(&lag).max(LAG_LEAST)),
    );
    let titles = (
        language.text("Readings a second", "Lecturas por segundo"),
        language.text("Freshness", "Frescura"),
        language.text("Entries still to read", "Entradas por leer"),
    );
    vec![
        PaceChart {
            title: titles.0,
            unit: "",
            axis: axis.clone(),
            labels: labels(rate_scale),
            paths: vec![("usual", plot::bars(&rate, rate_scale, |_| true))],
            legend: Vec::new(),
            gaps: String::new(),
            description: says(titles.0, highest(&rate), ""),
        },
        PaceChart {
            title: titles.1,
            unit: "ms",
            axis: axis.clone(),
            labels: labels(age_scale),
            paths: vec![("p99", plot::line(&p99, age_scale)), ("mean", plot::line(&p50, age_scale))],
            legend: vec![("line-mean", "p50"), ("line-p99", "p99")],
            gaps: unknown(&p50),
            description: says(titles.1, highest(&p99), " ms"),
        },
        PaceChart {
            title: titles.2,
            unit: "",
            axis,
            labels: labels(lag_scale),
            paths: vec![("band", plot::area(&lag, lag_scale)), ("mean", plot::line(&lag, lag_scale))],
            legend: Vec::new(),
            gaps: unknown(&lag),
            description: says(titles.2, highest(&lag), ""),
        },
    ]
}

fn steps(
    samples: &[PipelineSample],
    step_seconds: f64,
    scene: &Scene<'_>,
) -> (Vec<&'static str>, Vec<(Moment, Vec<String>)>) {
    let language = scene.language();
    let heads = vec![
        language.text("From", "Desde"),
        language.text("Readings a second", "Lecturas por segundo"),
        language.text("Batches", "Lotes"),
        "p50",
        "p99",
        language.text("To read", "Por leer"),
        "Commits",
    ];
    let complete = &samples[..samples.len().saturating_sub(1)];
    let row = |sample: &PipelineSample| {
        let cells = vec![
            format::count((sample.rows as f64 / step_seconds).round() as u64),
            format::count(sample.batches),
            language.latency(sample.freshness_ms.p50),
            language.latency(sample.freshness_ms.p99),
            format::count_if_known(sample.lag),
            format::count(sample.commits),
        ];
        (Moment::time(sample.start), cells)
    };
    (heads, complete.iter().rev().map(row).collect())
}

fn stages(pipeline: &Pipeline, samples: &[PipelineSample], language: Language) -> Vec<Stage> {
    let last = pipeline.batches.last.as_ref();
    let sum = |value: fn(&PipelineSample) -> f64| samples.iter().map(value).sum::<f64>();
    let batches: u64 = samples.iter().map(|sample| sample.batches).sum();
    let commits: u64 = samples.iter().map(|sample| sample.commits).sum();
    let rows = [
        (
            language.text("Read", "Leer"),
            language.text("the reply’s bytes from the broker", "los bytes de la respuesta del broker"),
            last.map(|last| last.read_ms),
            sum(|sample| sample.read_ms),
            batches,
        ),
        (
            language.text("Decode", "Decodificar"),
            language.text("bytes to columns, rules checked", "bytes a columnas, reglas comprobadas"),
            last.map(|last| last.decode_ms),
            sum(|sample| sample.decode_ms),
            batches,
        ),
        (
            language.text("Aggregate", "Agregar"),
            language.text("columns to sums by pane and antenna", "columnas a sumas por panel y antena"),
            last.map(|last| last.aggregate_ms),
            sum(|sample| sample.aggregate_ms),
            batches,
        ),
        (
            language.text("Merge", "Combinar"),
            language.text("sums into the panes, visible from here on", "sumas en los paneles, visibles desde aquí"),
            last.map(|last| last.merge_ms),
            sum(|sample| sample.merge_ms),
            batches,
        ),
        (
            "Commit",
            language.text("state and cursor, in one transaction", "estado y cursor, en una transacción"),
            pipeline.commits.last_ms,
            sum(|sample| sample.commit_ms),
            commits,
        ),
    ];
    let total: f64 = rows.iter().map(|(_, _, _, sum, _)| sum).sum();
    let stage = |(name, meaning, last, sum, count): (&'static str, &'static str, Option<f64>, f64, u64)| Stage {
        name,
        meaning,
        last: language.latency(last),
        mean: language.latency((count > 0).then(|| sum / count as f64)),
        share: if total > 0.0 { sum / total } else { 0.0 },
    };
    rows.into_iter().map(stage).collect()
}

fn reasons(totals: &Ledger, language: Language) -> Vec<RejectedReason> {
    let reason = |(reason, count): (&Rejection, &u64)| RejectedReason {
        reason: reason.as_str(),
        meaning: meaning(*reason, language),
        count: format::count(*count),
    };
    let mut counted: Vec<(&Rejection, &u64)> = totals.rejected.iter().filter(|(_, count)| **count > 0).collect();
    counted.sort_by(|a, b| b.1.cmp(a.1));
    counted.into_iter().map(reason).collect()
}

const fn meaning(reason: Rejection, language: Language) -> &'static str {
    match reason {
        Rejection::MissingField => language.text("a required field is missing", "falta un campo obligatorio"),
        Rejection::BadAntennaId => language.text(
            "the id is empty, too long, or holds control characters",
            "el identificador está vacío, es demasiado largo o tiene caracteres de control",
        ),
        Rejection::BadTimestamp => language.text("the time is not Unix seconds", "la hora no son segundos Unix"),
        Rejection::BadPackets => language.text("packets is not a count", "packets no es una cantidad"),
        Rejection::BadLoss => language.text("loss is not a count", "loss no es una cantidad"),
        Rejection::LossExceedsPackets => language.text("more lost than sent", "más perdidos que enviados"),
        Rejection::BadLatency => {
            language.text("the latency is not a number from 0", "la latencia no es un número desde 0")
        }
        Rejection::BadSeq => language.text("seq is not a count", "seq no es una cantidad"),
        Rejection::Future => {
            language.text("the time lies ahead of the broker’s clock", "la hora está por delante del reloj del broker")
        }
    }
}

fn rejected_rows(page: &RejectedPage, scene: &Scene<'_>) -> Vec<RejectedRow> {
    let row = |example: &RejectedExample| RejectedRow {
        source_id: example.source_id.clone(),
        at: Moment::near(example.arrived_at, scene.now, scene.language()),
        reason: example.reason.as_str(),
        fields: example.fields.clone(),
    };
    page.newest.iter().map(row).collect()
}

fn partitions(pipeline: &Pipeline, language: Language) -> Vec<Vec<(&'static str, String)>> {
    let unknown = || format::UNKNOWN.to_owned();
    pipeline
        .partitions
        .iter()
        .map(|partition| {
            vec![
                (language.text("Stream", "Flujo"), partition.stream.clone()),
                (language.text("Owner", "Propietario"), partition.owner.clone().unwrap_or_else(unknown)),
                (language.text("Epoch", "Época"), format::count(partition.epoch)),
                (language.text("Read up to", "Leído hasta"), partition.cursor.clone()),
                (language.text("Committed up to", "Confirmado hasta"), partition.committed.clone()),
                (language.text("Still to read", "Por leer"), format::count_if_known(partition.ledger.lag)),
            ]
        })
        .collect()
}
