//! The pipeline's verdict: whether everything is counted, and if not, why.

use shared::api::{Phase, Pipeline};

use crate::language::Language;
use crate::model::verdict::away_verdict;
use crate::model::{Condition, Frame, Level, Moment, Part, Scene, Verdict};

/// Up to this many entries still to read are not a backlog: a batch or two of a busy network.
const BACKLOG: u64 = 100_000;

/// Up to this share of entries may break a rule before the verdict says so.
const REJECTED_MOST: f64 = 0.01;

pub(super) fn verdict(pipeline: &Pipeline, frame: &Frame, scene: &Scene<'_>) -> Verdict {
    let language = scene.language();
    if frame.condition == Condition::Away {
        return away_verdict(frame, language);
    }
    let totals = &pipeline.totals;
    let lag = totals.lag.unwrap_or_default();
    let archive_fails = pipeline.archive.as_ref().is_some_and(|archive| archive.reason.is_some());
    let (rejected, counted) = (totals.rejected.values().sum::<u64>() as f64, totals.counted as f64);
    let rejected = rejected / (rejected + counted).max(1.0);
    let (level, sentence) = match pipeline.phase {
        Phase::Running if totals.imbalance.is_some_and(|imbalance| imbalance != 0) => {
            (Level::Bad, language.text("The ledger does not add up", "El balance no cuadra"))
        }
        Phase::Running if archive_fails => (
            Level::Bad,
            language
                .text("Final hours can’t be written to the archive", "No se puede escribir en el archivo histórico"),
        ),
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
        Phase::Running if rejected > REJECTED_MOST => (
            Level::Warning,
            language.text(
                "Every entry is accounted for, but many broke a rule",
                "Cada entrada está contabilizada, pero muchas incumplen una regla",
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
    if rejected > 0.0 {
        let share = language.percent(Some(rejected));
        detail.push(Part::Text(match language {
            Language::English => format!(", {share} of all entries rejected"),
            Language::Spanish => format!(", {share} de las entradas rechazadas"),
        }));
    }
    if let Some(at) = pipeline.commits.last_at {
        let at = Moment::near(at, scene.now, language);
        detail.push(match language {
            Language::English => at.led_by(", last commit at ", ", last commit on "),
            Language::Spanish => at.led_by(", último commit a las ", ", último commit el "),
        });
        detail.push(Part::Time(at));
    }
    Verdict::new(level, sentence.to_owned(), detail)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{shown, shown_in};
    use super::*;
    use crate::model::tests::said;

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
    fn many_rejected_entries_are_not_a_good_verdict() {
        for (rejected, level) in [(1, Level::Good), (10, Level::Good), (11, Level::Warning), (55, Level::Warning)] {
            let screen = shown(|figures| {
                let totals = &mut figures.pipeline.totals;
                (totals.counted, totals.rejected) = (1000 - rejected, [(shared::Rejection::BadLoss, rejected)].into());
            });
            assert_eq!(screen.verdict.level, level, "{rejected} of 1000");
            assert!(said(&screen.verdict.detail).contains("of all entries rejected"));
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
}
