//! The way of the readings from the stream to the page: where every entry went, how fast, and who does it.

use shared::api::{Ledger, Phase, Pipeline, PipelineHistory, PipelineSample, RejectedExample, RejectedPage};
use shared::{Rejection, UnixMillis};

use super::charts::Axis;
use super::verdict::away_verdict;
use super::{Condition, Frame, Level, Moment, Part, Scene, Verdict};
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
        verdict: verdict(pipeline, &frame, scene),
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

fn verdict(pipeline: &Pipeline, frame: &Frame, scene: &Scene<'_>) -> Verdict {
    let language = scene.language();
    if frame.condition == Condition::Away {
        return away_verdict(frame, language);
    }
    let totals = &pipeline.totals;
    let lag = totals.lag.unwrap_or_default();
    let (level, sentence) = match pipeline.phase {
        Phase::Running if totals.imbalance.is_some_and(|imbalance| imbalance != 0) => {
            (Level::Bad, language.text("The ledger does not add up", "El balance no cuadra"))
        }
        Phase::Running if lag > BACKLOG => {
            (Level::Warning, language.text("Catching up with a backlog", "Poniéndose al día con lo acumulado"))
        }
        Phase::Running if totals.imbalance.is_none() => (
            Level::Unknown,
            language.text(
                "Running; the broker does not tell how much is left to read",
                "En marcha; el broker no dice cuánto queda por leer",
            ),
        ),
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
        let at = Moment::near(at, scene.now, language);
        detail.push(match language {
            Language::English => at.led_by(", last commit at ", ", last commit on "),
            Language::Spanish => at.led_by(", último commit a las ", ", último commit el "),
        });
        detail.push(Part::Time(at));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::tests::{NOW, address_in, pipeline, said, scene};

    fn shown(change: impl FnOnce(&mut PipelineFigures)) -> PipelineScreen {
        shown_in(Language::English, false, change)
    }

    fn shown_in(language: Language, is_away: bool, change: impl FnOnce(&mut PipelineFigures)) -> PipelineScreen {
        let (address, mut figures) = (address_in(language, "/pipeline"), pipeline());
        change(&mut figures);
        let scene = scene(&address);
        pipeline_screen(&figures, Frame::new(&scene, Some(NOW), &figures.summary, is_away), &scene)
    }

    fn number(text: &str) -> u64 {
        text.replace('\u{202f}', "").parse().unwrap()
    }

    fn ledgers() -> impl Strategy<Value = Ledger> {
        let count = || 0..1_000_000_000_u64;
        let rejected = prop::collection::btree_map(prop::sample::select(Rejection::ALL.to_vec()), count(), 0..9);
        (count(), count(), rejected, count(), count(), count()).prop_map(
            |(counted, duplicates, rejected, too_late, lag, trimmed_unread)| Ledger {
                entries_added: Some(
                    counted + duplicates + rejected.values().sum::<u64>() + too_late + lag + trimmed_unread,
                ),
                counted,
                duplicates,
                rejected,
                too_late,
                lag: Some(lag),
                trimmed_unread,
                imbalance: Some(0),
            },
        )
    }

    proptest! {
        #[test]
        fn the_terms_of_the_ledger_add_up_as_they_are_shown(ledger in ledgers()) {
            let terms = ledger_of(&ledger);
            let signs: Vec<&str> = terms.iter().map(|term| term.sign).collect();
            prop_assert_eq!(signs, ["", "=", "+", "+", "+", "+", "+"]);
            let counts: Vec<u64> = terms.iter().map(|term| number(&term.count)).collect();
            prop_assert_eq!(counts[0], counts[1..].iter().sum::<u64>());
            prop_assert_eq!(balance(&ledger, Language::English).map(|balance| balance.0), Some(Level::Good));
        }

        #[test]
        fn reasons_add_up_to_what_was_rejected_most_frequent_first(ledger in ledgers()) {
            let reasons = reasons(&ledger, Language::English);
            let counts: Vec<u64> = reasons.iter().map(|reason| number(&reason.count)).collect();
            prop_assert!(counts.is_sorted_by(|a, b| a >= b) && counts.iter().all(|count| *count > 0));
            prop_assert_eq!(counts.iter().sum::<u64>(), number(&ledger_of(&ledger)[3].count));
        }
    }

    fn ledger_of(totals: &Ledger) -> Vec<LedgerTerm> {
        ledger(totals, Language::English)
    }

    #[test]
    fn what_the_broker_has_not_told_is_a_dash_and_nothing_is_claimed_of_it() {
        let screen = shown(|figures| {
            let totals = &mut figures.pipeline.totals;
            (totals.entries_added, totals.lag, totals.imbalance) = (None, None, None);
            figures.pipeline.partitions[0].owner = None;
            figures.pipeline.partitions[0].ledger.lag = None;
        });
        assert_eq!((&*screen.ledger[0].count, &*screen.ledger[5].count), ("–", "–"));
        assert_eq!((screen.balance, screen.verdict.level), (None, Level::Unknown));
        assert_eq!(screen.figures[1].1, "–");
        assert_eq!((&*screen.partitions[0][1].1, &*screen.partitions[0][5].1), ("–", "–"));
    }

    #[test]
    fn before_the_first_batch_there_are_dashes_and_no_zeros() {
        let screen = shown(|figures| {
            let pipeline = &mut figures.pipeline;
            (pipeline.batches.last, pipeline.commits.last_ms, pipeline.commits.last_at) = (None, None, None);
            (pipeline.freshness_ms.p50, pipeline.freshness_ms.p99) = (None, None);
            figures.history.as_mut().unwrap().samples.clear();
        });
        assert!(screen.stages.iter().all(|stage| (&*stage.last, &*stage.mean, stage.share) == ("–", "–", 0.0)));
        assert_eq!((&*screen.figures[2].1, &*screen.figures[2].2, &*screen.figures[3].1), ("–", "p99 –", "–"));
        assert!(!said(&screen.verdict.detail).contains("commit"));
        assert!(screen.charts.is_empty() && screen.steps.1.is_empty());
    }

    #[test]
    fn an_imbalance_is_bad_in_whichever_direction_it_lies() {
        for imbalance in [-3, 1, 1_000_000] {
            let screen = shown(|figures| figures.pipeline.totals.imbalance = Some(imbalance));
            assert_eq!((screen.verdict.level, &*screen.verdict.sentence), (Level::Bad, "The ledger does not add up"));
            assert_eq!(screen.balance, Some((Level::Bad, format!("It is off by {imbalance}."))));
        }
        let screen = shown(|_| ());
        assert_eq!((screen.verdict.level, screen.balance.unwrap().0), (Level::Good, Level::Good));
    }

    #[test]
    fn what_was_lost_unread_is_bad_and_nothing_else_of_the_ledger_is() {
        let bad = |lost| {
            let screen = shown(|figures| figures.pipeline.totals.trimmed_unread = lost);
            screen.ledger.iter().map(|term| term.is_bad).collect::<Vec<_>>()
        };
        assert_eq!(bad(0), [false; 7]);
        assert_eq!(bad(1), [false, false, false, false, false, false, true]);
    }

    #[test]
    fn each_phase_says_what_analytics_does() {
        let verdict = |phase, lag| {
            let verdict = shown(|figures| {
                (figures.pipeline.phase, figures.pipeline.totals.lag) = (phase, Some(lag));
            });
            (verdict.verdict.level, verdict.verdict.sentence)
        };
        for (phase, lag, level, words) in [
            (Phase::Running, 0, Level::Good, "Every entry is accounted for"),
            (Phase::Running, BACKLOG, Level::Good, "Every entry is accounted for"),
            (Phase::Running, BACKLOG + 1, Level::Warning, "Catching up with a backlog"),
            (Phase::Starting, 0, Level::Unknown, "Starting"),
            (Phase::Standby, 0, Level::Warning, "Standing by: another process owns the stream"),
            (Phase::BrokerAway, 0, Level::Bad, "The broker can’t be reached: figures stand still"),
            (Phase::Stopping, 0, Level::Warning, "Stopping after a last commit"),
        ] {
            assert_eq!(verdict(phase, lag), (level, words.to_owned()));
        }
    }

    #[test]
    fn old_figures_never_speak_of_the_present() {
        for (language, sentence) in [
            (Language::English, "Analytics can’t be reached"),
            (Language::Spanish, "No hay conexión con el servicio de análisis"),
        ] {
            let verdict = shown_in(language, true, |_| ()).verdict;
            assert_eq!((verdict.level, &*verdict.sentence), (Level::Bad, sentence));
            assert!(said(&verdict.detail).contains("14:47:05 UTC"));
        }
    }

    #[test]
    fn stages_share_the_whole_and_their_means_are_of_a_batch_or_a_commit() {
        let screen = shown(|figures| {
            let samples = &mut figures.history.as_mut().unwrap().samples;
            samples.truncate(2);
            for sample in samples {
                (sample.batches, sample.commits) = (4, 2);
                (sample.read_ms, sample.decode_ms, sample.aggregate_ms) = (40.0, 20.0, 10.0);
                (sample.merge_ms, sample.commit_ms) = (10.0, 20.0);
            }
        });
        let means: Vec<String> = screen.stages.iter().map(|stage| stage.mean.replace('\u{202f}', "_")).collect();
        assert_eq!(means, ["10.0_ms", "5.0_ms", "2.5_ms", "2.5_ms", "10.0_ms"]);
        let shares: Vec<f64> = screen.stages.iter().map(|stage| stage.share).collect();
        assert_eq!(shares, [0.4, 0.2, 0.1, 0.1, 0.2]);
    }

    #[test]
    fn the_table_has_a_row_for_each_step_that_is_drawn_and_leaves_out_the_open_one() {
        let samples = pipeline().history.unwrap().samples;
        let screen = shown(|_| ());
        assert_eq!(screen.charts.len(), 3);
        for chart in &screen.charts {
            let Axis { start_ms, end_ms, step_ms, .. } = chart.axis;
            assert_eq!((end_ms - start_ms) / step_ms, screen.steps.1.len() as i64);
            assert_eq!((start_ms, end_ms), (samples[0].start.0, samples[samples.len() - 1].start.0));
        }
        assert!(screen.steps.1.iter().all(|(_, cells)| cells.len() + 1 == screen.steps.0.len()));
        let starts: Vec<&str> = screen.steps.1.iter().map(|(moment, _)| &*moment.machine).collect();
        assert!(starts.is_sorted_by(|a, b| a > b), "newest first");
    }

    #[test]
    fn a_step_without_readings_is_a_gap_of_freshness_and_no_gap_of_the_rate() {
        let screen = shown(|figures| {
            let history = figures.history.as_mut().unwrap();
            history.samples.truncate(5);
            let sample = &mut history.samples[1];
            (sample.rows, sample.lag) = (0, None);
            (sample.freshness_ms.p50, sample.freshness_ms.p99) = (None, None);
        });
        assert_eq!(screen.charts[0].gaps, "");
        assert_eq!(
            (&*screen.charts[1].gaps, &*screen.charts[2].gaps),
            ("M150 0h150v200h-150z", "M150 0h150v200h-150z")
        );
        let cells = &screen.steps.1[2].1;
        assert_eq!((&*cells[0], &*cells[2], &*cells[4]), ("0", "–", "–"));
    }

    #[test]
    fn rejected_entries_are_shown_as_they_stood() {
        let fields = vec![("a\nb".to_owned(), "<b>".to_owned()), (String::new(), String::new())];
        let screen = shown(|figures| figures.rejected.as_mut().unwrap().newest[0].fields = fields.clone());
        let rows = screen.rejected.unwrap();
        assert_eq!(rows[0].fields, fields);
        assert_eq!(rows.len(), pipeline().rejected.unwrap().newest.len());
        assert!(rows.is_sorted_by(|a, b| a.at.machine >= b.at.machine), "newest first");
    }

    #[test]
    fn what_analytics_does_not_tell_is_left_out() {
        let screen = shown(|figures| (figures.history, figures.rejected) = (None, None));
        assert!(screen.charts.is_empty() && screen.steps.1.is_empty() && screen.rejected.is_none());
        assert_eq!(screen.stages.len(), 5);
        assert!(screen.stages.iter().all(|stage| stage.last != "–" && stage.mean == "–"));
    }

    #[test]
    fn every_reason_has_a_meaning_of_its_own_in_each_language() {
        for language in Language::ALL {
            let mut meanings = Rejection::ALL.map(|reason| meaning(reason, language)).to_vec();
            meanings.sort_unstable();
            meanings.dedup();
            assert_eq!(meanings.len(), Rejection::ALL.len());
        }
    }
}
