//! The state of the network in one sentence.

use shared::api::{AntennaCounts, Status, Summary};

use super::rows::{counts_in_words, status_word};
use super::{Condition, Frame, Part, Scene};
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

/// One sentence, and a line with the facts behind it.
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
        Condition::BrokerAway => Verdict {
            level: Level::Bad,
            sentence: broker_away(language).to_owned(),
            detail: was_so(frame, ".".to_owned(), language),
        },
        Condition::Away => away_verdict(frame, language),
    }
}

/// The verdict while analytics does not answer, whatever the last figures were.
pub(super) fn away_verdict(frame: &Frame, language: Language) -> Verdict {
    let recovers = language.text(". This page recovers by itself.", ". Esta página se recupera sola.");
    Verdict {
        level: Level::Bad,
        sentence: away(language).to_owned(),
        detail: was_so(frame, recovers.to_owned(), language),
    }
}

/// Says that analytics does not answer.
pub(crate) const fn away(language: Language) -> &'static str {
    language.text("Analytics can’t be reached", "No hay conexión con el servicio de análisis")
}

/// Says that the analytics that is asked has no figures, as another one owns the stream.
pub(crate) const fn standby(language: Language) -> &'static str {
    language.text("Analytics is standing by", "El análisis está en espera")
}

/// Says that the broker does not work.
pub(crate) const fn broker_away(language: Language) -> &'static str {
    language.text(
        "The broker can’t be reached: figures stand still",
        "No hay conexión con el broker: las cifras no avanzan",
    )
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
        match language {
            Language::English => as_of.led_by("Everything below was so at ", "Everything below was so on "),
            Language::Spanish => as_of.led_by("Todo lo que sigue era así a las ", "Todo lo que sigue era así el "),
        },
        Part::Time(as_of),
        Part::text(" "),
        Part::Zone,
        Part::Text(rest),
    ]
}

/// The facts behind the verdict.
fn basis(summary: &Summary, frame: &Frame, scene: &Scene<'_>) -> Vec<Part> {
    let language = scene.language();
    let window = scene.address.query.range.window;
    let range = if frame.condition == Condition::Fixed { language.range(window) } else { language.last(window) };
    let readings = language.plural(summary.measures.readings, ["reading", "readings"], ["lectura", "lecturas"]);
    vec![
        Part::Text(format!("{range}, ")),
        Part::Time(frame.ranges.start.clone()),
        Part::text(language.text(" to ", " a ")),
        Part::Time(frame.ranges.end.clone()),
        Part::text(" "),
        Part::Zone,
        Part::Text(format!(", {readings}")),
    ]
}

fn judge(antennas: &AntennaCounts, language: Language) -> (Level, String) {
    let total = antennas.total();
    let level = match () {
        () if total == 0 => {
            let words =
                language.text("No antenna is known in this range", "No se conoce ninguna antena en este intervalo");
            return (Level::Unknown, words.to_owned());
        }
        () if antennas.down > 0 => Level::Bad,
        () if antennas.degraded > 0 || antennas.silent > 0 => Level::Warning,
        () => Level::Good,
    };
    if let Some(status) = Status::ALL.into_iter().find(|status| antennas.of(*status) == total) {
        let word = status_word(status, total, language);
        let sentence = match (total, language) {
            (1, Language::English) => format!("The only antenna is {word}"),
            (1, Language::Spanish) => format!("La única antena está {word}"),
            (_, Language::English) => format!("All {} {word}", language.antennas(total)),
            (_, Language::Spanish) => format!("Las {} están {word}", language.antennas(total)),
        };
        return (level, sentence);
    }
    let parts = counts_in_words(antennas, &[Status::Down, Status::Degraded, Status::Silent], language);
    // Only the first number names the total: "2 of 12 antennas down, 1 degraded".
    let of = format!(" {} {} ", language.text("of", "de"), language.antennas(total));
    (level, parts.join(", ").replacen(' ', &of, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{address_in, overview, said, scene};

    fn judged(language: Language, counts: (u64, u64, u64, u64)) -> (Level, String) {
        let (healthy, degraded, down, silent) = counts;
        judge(&AntennaCounts { active: 0, healthy, degraded, down, silent }, language)
    }

    fn verdict_on(href: &str, language: Language, condition: Condition) -> Verdict {
        let (address, summary) = (address_in(language, href), overview().summary);
        let frame = Frame { condition, ..Frame::new(&scene(&address), summary.as_of, &summary, false) };
        verdict(&summary, &frame, &scene(&address))
    }

    #[test]
    fn one_sentence_says_it_all() {
        for (counts, level, english, spanish) in [
            ((12, 0, 0, 0), Level::Good, "All 12 antennas healthy", "Las 12 antenas están sanas"),
            ((9, 1, 2, 0), Level::Bad, "2 of 12 antennas down, 1 degraded", "2 de 12 antenas caídas, 1 degradada"),
            (
                (20, 2, 1, 1),
                Level::Bad,
                "1 of 24 antennas down, 2 degraded, 1 silent",
                "1 de 24 antenas caída, 2 degradadas, 1 sin señal",
            ),
            ((11, 1, 0, 0), Level::Warning, "1 of 12 antennas degraded", "1 de 12 antenas degradada"),
            ((11, 0, 0, 1), Level::Warning, "1 of 12 antennas silent", "1 de 12 antenas sin señal"),
            ((0, 0, 3, 0), Level::Bad, "All 3 antennas down", "Las 3 antenas están caídas"),
            ((0, 0, 0, 3), Level::Warning, "All 3 antennas silent", "Las 3 antenas están sin señal"),
            ((0, 1, 1, 0), Level::Bad, "1 of 2 antennas down, 1 degraded", "1 de 2 antenas caída, 1 degradada"),
            ((1, 0, 0, 0), Level::Good, "The only antenna is healthy", "La única antena está sana"),
            ((0, 0, 1, 0), Level::Bad, "The only antenna is down", "La única antena está caída"),
            (
                (0, 0, 0, 0),
                Level::Unknown,
                "No antenna is known in this range",
                "No se conoce ninguna antena en este intervalo",
            ),
        ] {
            assert_eq!(judged(Language::English, counts), (level, english.to_owned()));
            assert_eq!(judged(Language::Spanish, counts), (level, spanish.to_owned()));
        }
        let many = judged(Language::English, (0, 0, 1234, 1)).1;
        assert_eq!(many, "1\u{202f}234 of 1\u{202f}235 antennas down, 1 silent");
    }

    #[test]
    fn old_figures_never_speak_of_the_present() {
        let verdict = |condition| verdict_on("/", Language::English, condition);
        assert_eq!(verdict(Condition::Stale(240_000)).sentence, "Stale: newest data is 4 min old");
        let detail = said(&verdict(Condition::Stale(240_000)).detail);
        assert!(detail.contains("was so at 14:47:05 UTC: 1 of 24 antennas down"), "{detail}");
        assert_eq!(verdict(Condition::Stale(45_000)).sentence, "Stale: no new data for half a minute");
        assert_eq!(verdict(Condition::Away).sentence, "Analytics can’t be reached");
        for condition in [Condition::Stale(45_000), Condition::Stale(240_000), Condition::Away] {
            assert_ne!(verdict(condition).level, Level::Good);
        }
        assert!(said(&verdict(Condition::Live).detail).starts_with("Last 5 min, 14:42:05 to 14:47:05 UTC, "));
    }

    #[test]
    fn a_fixed_range_is_not_the_last_one() {
        let href = "/?end=2025-11-24T14:47:05Z&window=15m";
        let said = |language| said(&verdict_on(href, language, Condition::Fixed).detail);
        assert!(said(Language::English).starts_with("15 min, 14:42:05 to 14:47:05 UTC, "));
        assert!(said(Language::Spanish).starts_with("15 min, 14:42:05 a 14:47:05 UTC, "));
    }

    #[test]
    fn a_range_agrees_with_the_words_before_it() {
        let last = |href: &str| said(&verdict_on(href, Language::Spanish, Condition::Live).detail);
        for (href, words) in [("/", "Últimos 5 min, "), ("/?window=1h", "Última hora, ")] {
            assert!(last(href).starts_with(words), "{}", last(href));
        }
    }
}
