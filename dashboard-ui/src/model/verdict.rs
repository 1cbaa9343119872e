//! The whole in one sentence that a person grasps in a second.

use shared::api::{AntennaCounts, Summary};

use super::{Condition, Frame, Part, Scene};
use crate::format;
use crate::language::Language;

/// How good or bad something is. The page shows it as colour, as an icon and in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Good,
    Warning,
    Bad,
    Unknown,
}

impl Level {
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Unknown => "unknown",
        }
    }
}

/// The whole in one sentence, and a line that says what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) level: Level,
    pub(crate) sentence: String,
    pub(crate) detail: Vec<Part>,
}

pub(super) fn verdict(summary: &Summary, frame: &Frame, scene: &Scene<'_>) -> Verdict {
    let language = scene.language();
    let (level, sentence) = judge(&summary.antennas, language);
    match frame.condition {
        Condition::Live | Condition::Fixed | Condition::Waiting => {
            Verdict { level, sentence, detail: basis(summary, frame, scene) }
        }
        Condition::Stale(age) => Verdict {
            level: Level::Warning,
            sentence: stale(age, language),
            detail: was_so(frame, format!(": {sentence}"), language),
        },
        Condition::Away => Verdict {
            level: Level::Bad,
            sentence: away(language).to_owned(),
            detail: was_so(
                frame,
                language.text(". This page recovers by itself.", ". Esta página se recupera sola.").to_owned(),
                language,
            ),
        },
    }
}

/// Says that analytics does not answer.
pub(crate) const fn away(language: Language) -> &'static str {
    language.text("Analytics can’t be reached", "No hay conexión con el servicio de análisis")
}

fn stale(age: i64, language: Language) -> String {
    match (age, language) {
        (..60_000, Language::English) => "Stale: no new data for half a minute".to_owned(),
        (..60_000, Language::Spanish) => "Sin novedades: ningún dato en medio minuto".to_owned(),
        (_, Language::English) => format!("Stale: newest data is {} old", language.age(age)),
        (_, Language::Spanish) => format!("Sin novedades: el último dato es de hace {}", language.age(age)),
    }
}

fn was_so(frame: &Frame, rest: String, language: Language) -> Vec<Part> {
    let Some(as_of) = frame.as_of.clone() else { return Vec::new() };
    vec![
        Part::text(language.text("Everything below was so at ", "Todo lo que sigue era así a las ")),
        Part::Time(as_of),
        Part::text(" "),
        Part::Zone,
        Part::Text(rest),
    ]
}

/// What the verdict rests on.
fn basis(summary: &Summary, frame: &Frame, scene: &Scene<'_>) -> Vec<Part> {
    let language = scene.language();
    let range = language.range(scene.address.query.range.window);
    let range = match (frame.condition, language) {
        (Condition::Fixed, _) => format!("{range}, "),
        (_, Language::English) => format!("Last {range}, "),
        (_, Language::Spanish) => format!("Últimos {range}, "),
    };
    let readings = language.plural(summary.measures.readings, ["reading", "readings"], ["lectura", "lecturas"]);
    vec![
        Part::Text(range),
        Part::Time(frame.ranges.start.clone()),
        Part::text(language.text(" to ", " a ")),
        Part::Time(frame.ranges.end.clone()),
        Part::text(" "),
        Part::Zone,
        Part::Text(format!(", {readings}")),
    ]
}

fn judge(antennas: &AntennaCounts, language: Language) -> (Level, String) {
    let AntennaCounts { healthy, degraded, down, silent, .. } = *antennas;
    let total = healthy + degraded + down + silent;
    let level = match () {
        () if total == 0 => {
            let words =
                language.text("No antenna is known in this range", "No se conoce ninguna antena en este intervalo");
            return (Level::Unknown, words.to_owned());
        }
        () if down > 0 => Level::Bad,
        () if degraded > 0 || silent > 0 => Level::Warning,
        () => Level::Good,
    };
    let all = [
        (down, language.text("down", "caída"), language.text("down", "caídas")),
        (degraded, language.text("degraded", "degradada"), language.text("degraded", "degradadas")),
        (silent, language.text("silent", "sin señal"), language.text("silent", "sin señal")),
        (healthy, language.text("healthy", "sana"), language.text("healthy", "sanas")),
    ];
    if let Some((_, one, many)) = all.iter().find(|(number, _, _)| *number == total) {
        let sentence = match (total, language) {
            (1, Language::English) => format!("The only antenna is {one}"),
            (1, Language::Spanish) => format!("La única antena está {one}"),
            (_, Language::English) => format!("All {} {many}", language.antennas(total)),
            (_, Language::Spanish) => format!("Las {} están {many}", language.antennas(total)),
        };
        return (level, sentence);
    }
    let part = |(number, one, many): &(u64, &str, &str)| {
        format!("{} {}", format::count(*number), if *number == 1 { one } else { many })
    };
    let parts: Vec<String> = all[..3].iter().filter(|(number, _, _)| *number > 0).map(part).collect();
    // The first number says of how many; the others follow from it: "2 of 12 antennas down, 1 degraded".
    let of = format!(" {} {} ", language.text("of", "de"), language.antennas(total));
    (level, parts.join(", ").replacen(' ', &of, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{NOW, figures};

    fn judged(healthy: u64, degraded: u64, down: u64, silent: u64) -> (Level, String) {
        judge(&AntennaCounts { active: 0, healthy, degraded, down, silent })
    }

    #[test]
    fn one_sentence_says_it_all() {
        for ((healthy, degraded, down, silent), level, sentence) in [
            ((12, 0, 0, 0), Level::Good, "All 12 antennas healthy"),
            ((9, 1, 2, 0), Level::Bad, "2 of 12 antennas down, 1 degraded"),
            ((20, 2, 1, 1), Level::Bad, "1 of 24 antennas down, 2 degraded, 1 silent"),
            ((11, 1, 0, 0), Level::Warning, "1 of 12 antennas degraded"),
            ((11, 0, 0, 1), Level::Warning, "1 of 12 antennas silent"),
            ((0, 0, 3, 0), Level::Bad, "All 3 antennas down"),
            ((0, 0, 0, 3), Level::Warning, "All 3 antennas silent"),
            ((0, 1, 1, 0), Level::Bad, "1 of 2 antennas down, 1 degraded"),
            ((1, 0, 0, 0), Level::Good, "The only antenna is healthy"),
            ((0, 0, 1, 0), Level::Bad, "The only antenna is down"),
            ((0, 0, 0, 0), Level::Unknown, "No antenna is known in this range"),
        ] {
            assert_eq!(judged(healthy, degraded, down, silent), (level, sentence.to_owned()));
        }
        assert_eq!(judged(0, 0, 1234, 1).1, "1\u{202f}234 of 1\u{202f}235 antennas down, 1 silent");
    }

    #[test]
    fn old_figures_never_speak_of_the_present() {
        let summary = figures().summary;
        let as_of = Moment::new(NOW, NOW);
        let verdict = |condition| verdict(&summary, condition, &as_of, Query::default(), NOW);
        assert_eq!(verdict(Condition::Stale(240_000)).sentence, "Stale: newest data is 4 min old");
        assert!(verdict(Condition::Stale(240_000)).detail.contains("was so at 14:47:05 UTC: 1 of 24 antennas down"));
        assert_eq!(verdict(Condition::Away).sentence, "Analytics can’t be reached");
        assert!(verdict(Condition::Live).detail.starts_with("Last 5 min, 14:42:05 to 14:47:05 UTC, "));
    }
}
