//! The path of the readings from the stream to the page: where every entry went, how fast, and who owns the stream.

mod archive;
mod ledger;
mod pace;
mod rejected;
mod stages;
mod verdict;

use shared::UnixMillis;
use shared::api::Pipeline;

pub(crate) use archive::ArchivePanel;
pub(crate) use ledger::LedgerTerm;
pub(crate) use rejected::{RejectedReason, RejectedRow};
pub(crate) use stages::Stage;

use super::{Chart, Frame, Level, Scene, StepRow, Verdict};
use crate::figures::PipelineFigures;
use crate::format;
use crate::language::Language;
use crate::query::{CSV, Kind};

/// The pipeline.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PipelineScreen {
    pub(crate) frame: Frame,
    pub(crate) verdict: Verdict,
    /// The ledger: the entries added to the stream, then the columns that add up to them.
    pub(crate) ledger: Vec<LedgerTerm>,
    /// The entries counted, then where they are now; empty if analytics does not tell.
    pub(crate) whereabouts: Vec<LedgerTerm>,
    /// Whether the columns add up, in words; `None` if the broker has not reported it.
    pub(crate) balance: Option<(Level, String)>,
    /// The archive; `None` where nothing is archived.
    pub(crate) archive: Option<ArchivePanel>,
    /// Current figures: a label, a value, and a second figure for context.
    pub(crate) figures: Vec<(&'static str, String, String)>,
    /// Readings a second, freshness and lag over the last minutes; empty if analytics does not report them.
    pub(crate) charts: Vec<Chart>,
    /// The headings and rows of the table with the same numbers, newest first.
    pub(crate) steps: (Vec<&'static str>, Vec<StepRow>),
    /// The stages of a batch.
    pub(crate) stages: Vec<Stage>,
    /// Rejected entries by reason, without reasons that did not occur.
    pub(crate) reasons: Vec<RejectedReason>,
    /// The newest of them; `None` if analytics does not report them.
    pub(crate) rejected: Option<Vec<RejectedRow>>,
    /// The names and texts of each partition's facts.
    pub(crate) partitions: Vec<Vec<(&'static str, String)>>,
    /// The address of the numbers as a file.
    pub(crate) csv: String,
}

pub(super) fn pipeline_screen(figures: &PipelineFigures, frame: Frame, scene: &Scene<'_>) -> PipelineScreen {
    let PipelineFigures { pipeline, history, rejected, .. } = figures;
    let samples = history.as_ref().map_or(&[][..], |history| &history.samples);
    PipelineScreen {
        verdict: verdict::verdict(pipeline, &frame, scene),
        ledger: ledger::ledger(&pipeline.totals, scene.language()),
        whereabouts: ledger::whereabouts(&pipeline.totals, pipeline.archive.is_some(), scene.language()),
        balance: ledger::balance(&pipeline.totals, scene.language()),
        archive: pipeline.archive.as_ref().map(|archive| archive::panel(archive, scene)),
        figures: moment_figures(pipeline, scene),
        charts: history.as_ref().map(|history| pace::charts(history, scene)).unwrap_or_default(),
        steps: pace::steps(samples, history.as_ref().map_or(1.0, |history| history.step_seconds), scene),
        stages: stages::stages(pipeline, samples, scene.language()),
        reasons: rejected::reasons(&pipeline.totals, scene.language()),
        rejected: rejected.as_ref().map(|page| rejected::rejected_rows(page, scene)),
        partitions: partitions(pipeline, scene),
        csv: Kind::Pipeline.path_in(scene.address.manner.base, CSV),
        frame,
    }
}

fn moment_figures(pipeline: &Pipeline, scene: &Scene<'_>) -> Vec<(&'static str, String, String)> {
    let language = scene.language();
    let freshness = &pipeline.freshness_ms;
    let commits = &pipeline.commits;
    vec![
        (
            language.text("Readings a second", "Lecturas por segundo"),
            rate(pipeline.batches.rows_per_second, language),
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
            language.delay(freshness.p50),
            format!("p99 {}", language.delay(freshness.p99)),
        ),
        (
            language.text("Last commit took", "El último commit tardó"),
            language.latency(commits.last_ms),
            language.plural(commits.count, ["commit", "commits"], ["commit", "commits"]),
        ),
    ]
}

/// Readings a second.
fn rate(rows_per_second: f64, language: Language) -> String {
    match rows_per_second {
        few if few < 100.0 => language.fixed(few, 1),
        many => format::count(many.round() as u64),
    }
}

fn partitions(pipeline: &Pipeline, scene: &Scene<'_>) -> Vec<Vec<(&'static str, String)>> {
    let language = scene.language();
    let unknown = || format::UNKNOWN.to_owned();
    let ago = |at: UnixMillis| language.ago(scene.now.0 - at.0);
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
                (language.text("Readings a second", "Lecturas por segundo"), rate(partition.rows_per_second, language)),
                (language.text("Last commit", "Último commit"), partition.committed_at.map_or_else(unknown, ago)),
                (language.text("Changes of owner", "Cambios de propietario"), format::count(partition.moves)),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{NOW, address_in, pipeline, said, scene};

    pub(super) fn shown(change: impl FnOnce(&mut PipelineFigures)) -> PipelineScreen {
        shown_in(Language::English, false, change)
    }

    pub(super) fn shown_in(
        language: Language,
        is_away: bool,
        change: impl FnOnce(&mut PipelineFigures),
    ) -> PipelineScreen {
        let (address, mut figures) = (address_in(language, "/pipeline"), pipeline());
        change(&mut figures);
        let scene = scene(&address);
        pipeline_screen(&figures, Frame::new(&scene, Some(NOW), &figures.summary, is_away), &scene)
    }

    pub(super) fn number(text: &str) -> u64 {
        text.replace('\u{202f}', "").parse().unwrap()
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
    fn what_analytics_does_not_tell_is_left_out() {
        let screen = shown(|figures| (figures.history, figures.rejected) = (None, None));
        assert!(screen.charts.is_empty() && screen.steps.1.is_empty() && screen.rejected.is_none());
        assert_eq!(screen.stages.len(), 5);
        assert!(screen.stages.iter().all(|stage| stage.last != "–" && stage.mean == "–"));
    }
}
