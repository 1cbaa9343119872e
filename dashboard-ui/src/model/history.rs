//! What is to know of a window that reaches into the archive: where history begins, and what of it could not be read.

use shared::UnixMillis;
use shared::api::Gap;

use super::{Level, Moment, Note, Part, Scene};
use crate::figures::Figures;
use crate::language::Language;

/// So many stretches of one reason are named.
const NAMED: usize = 3;

pub(super) fn notes(figures: &Figures, scene: &Scene<'_>) -> Vec<Note> {
    // A report tells of other times than the present one.
    let start = match figures {
        Figures::Report(figures) => figures.days.as_ref().map(|days| days.window.start),
        figures => Some(figures.summary().window.start),
    };
    let missing = missing(figures.partitions_missing(), scene.language());
    let begins = start.and_then(|start| begins(start, scene));
    missing.into_iter().chain(begins).chain(unread(figures.gaps(), scene)).collect()
}

/// That the readings of some partitions are missing from all figures.
fn missing(streams: &[String], language: Language) -> Option<Note> {
    if streams.is_empty() {
        return None;
    }
    let which = language.plural(streams.len() as u64, ["partition", "partitions"], ["partición", "particiones"]);
    let text = match language {
        Language::English => format!(
            "The readings of {which} are missing from these figures: neither the process that counts them nor the broker answers. \
             They come back when one does."
        ),
        Language::Spanish => format!(
            "Faltan en estas cifras las lecturas de {which}: no responde ni el proceso que las cuenta ni el broker. Volverán cuando \
             lo haga uno de los dos."
        ),
    };
    Some(Note { level: Level::Warning, words: vec![Part::Text(text)] })
}

/// Where history begins, if the window begins before. Without an archive, the tiles tell how much is kept.
fn begins(start: UnixMillis, scene: &Scene<'_>) -> Option<Note> {
    let language = scene.language();
    scene.limits.history?;
    let from = scene.limits.known_from().filter(|from| start < *from)?;
    let from = Moment::near(from, scene.now, language);
    let lead = match language {
        Language::English => from.led_by("History begins at ", "History begins on "),
        Language::Spanish => from.led_by("El historial empieza a las ", "El historial empieza el "),
    };
    let rest = language.text(": there is nothing before.", ": antes no hay nada.");
    let words = vec![lead, Part::Time(from), Part::text(" "), Part::Zone, Part::text(rest)];
    Some(Note { level: Level::Unknown, words })
}

/// A sentence for each reason for which files could not be read.
fn unread(gaps: Vec<Gap>, scene: &Scene<'_>) -> Vec<Note> {
    let mut gaps = merged(gaps);
    gaps.sort_by(|a, b| a.reason.cmp(&b.reason));
    gaps.chunk_by(|a, b| a.reason == b.reason).map(|gaps| sentence(gaps, scene)).collect()
}

/// Stretches of one reason in order, with those that touch as one: several answers tell of the same files.
pub(super) fn merged(mut gaps: Vec<Gap>) -> Vec<Gap> {
    gaps.sort_by(|a, b| (&a.reason, a.start).cmp(&(&b.reason, b.start)));
    let mut merged: Vec<Gap> = Vec::new();
    for gap in gaps {
        match merged.last_mut() {
            Some(last) if last.reason == gap.reason && gap.start <= last.end => last.end = last.end.max(gap.end),
            _ => merged.push(gap),
        }
    }
    merged.sort_by_key(|gap| gap.start);
    merged
}

/// `No figures from 24 Nov 13:00 to 24 Nov 14:00 UTC: the archive does not answer. …`
fn sentence(gaps: &[Gap], scene: &Scene<'_>) -> Note {
    let language = scene.language();
    let mut words = vec![Part::text(language.text("No figures", "Sin cifras"))];
    for (position, Gap { start, end, .. }) in gaps.iter().take(NAMED).enumerate() {
        let day = |at: UnixMillis| Part::Time(Moment::day(at, scene.now, language));
        let comma = if position > 0 { "," } else { "" };
        words.extend([
            Part::Text(format!("{comma} {} ", language.text("from", "del"))),
            day(*start),
            Part::text(language.text(" to ", " al ")),
            day(*end),
        ]);
    }
    words.extend([Part::text(" "), Part::Zone]);
    let others = gaps.len().saturating_sub(NAMED) as u64;
    if others > 0 {
        words.push(Part::Text(format!(" {}", language.more(others))));
    }
    let reason = gaps.first().map_or("", |gap| &gap.reason);
    words.push(Part::Text(format!(": {}", why(reason, gaps.len() > 1, language))));
    Note { level: if reason == "away" { Level::Warning } else { Level::Bad }, words }
}

fn why(reason: &str, are_several: bool, language: Language) -> String {
    let text = match (reason, are_several) {
        ("missing", false) => {
            language.text("a file of the archive is missing.", "falta un fichero del archivo histórico.")
        }
        ("missing", true) => {
            language.text("files of the archive are missing.", "faltan ficheros del archivo histórico.")
        }
        ("damaged", false) => {
            language.text("a file of the archive is damaged.", "un fichero del archivo histórico está dañado.")
        }
        ("damaged", true) => {
            language.text("files of the archive are damaged.", "hay ficheros del archivo histórico dañados.")
        }
        ("away", _) => language.text(
            "the archive does not answer. They come back when it does.",
            "el archivo histórico no responde. Volverán cuando lo haga.",
        ),
        (other, _) => {
            let words = language.text("the archive could not be read", "no se pudo leer el archivo histórico");
            return format!("{words} ({other}).");
        }
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::api::HistoryLimits;

    use super::*;
    use crate::model::tests::{NOW, address, address_in, figures, said, scene, summary_mut};

    const HOUR_MS: i64 = 3_600_000;

    fn gap(start_h: i64, end_h: i64, reason: &str) -> Gap {
        let at = |hours: i64| UnixMillis(NOW.0 - NOW.0 % HOUR_MS + hours * HOUR_MS);
        Gap { start: at(start_h), end: at(end_h), reason: reason.to_owned() }
    }

    fn told(gaps: &[Gap], language: Language) -> Vec<(Level, String)> {
        let address = address_in(language, "/");
        unread(gaps.to_vec(), &scene(&address)).iter().map(|note| (note.level, said(&note.words))).collect()
    }

    #[test]
    fn what_could_not_be_read_is_told_with_its_time_and_reason() {
        for (reason, level, english, spanish) in [
            ("missing", Level::Bad, "a file of the archive is missing.", "falta un fichero del archivo histórico."),
            (
                "damaged",
                Level::Bad,
                "a file of the archive is damaged.",
                "un fichero del archivo histórico está dañado.",
            ),
            (
                "away",
                Level::Warning,
                "the archive does not answer. They come back when it does.",
                "el archivo histórico no responde. Volverán cuando lo haga.",
            ),
            ("odd", Level::Bad, "the archive could not be read (odd).", "no se pudo leer el archivo histórico (odd)."),
        ] {
            let gaps = [gap(-3, -2, reason)];
            let of = |words: String| vec![(level, words)];
            let said = format!("No figures from 24 Nov 11:00 to 24 Nov 12:00 UTC: {english}");
            assert_eq!(told(&gaps, Language::English), of(said));
            let said = format!("Sin cifras del 24 nov 11:00 al 24 nov 12:00 UTC: {spanish}");
            assert_eq!(told(&gaps, Language::Spanish), of(said));
        }
    }

    #[test]
    fn each_reason_has_a_sentence_and_many_stretches_are_counted() {
        let mut gaps: Vec<Gap> = (1..6).map(|at| gap(-2 * at, 1 - 2 * at, "missing")).collect();
        gaps.push(gap(-20, -19, "away"));
        let told = told(&gaps, Language::English);
        assert_eq!(told.len(), 2);
        assert!(told[0].1.ends_with("UTC: the archive does not answer. They come back when it does."), "{told:?}");
        assert!(told[1].1.contains(", from 24 Nov 06:00 to 24 Nov 07:00, from"), "{told:?}");
        assert!(told[1].1.ends_with("UTC and 2 more: files of the archive are missing."), "{told:?}");
    }

    proptest! {
        /// Several answers tell of the same files, in stretches of their own.
        #[test]
        fn stretches_are_told_once_and_cover_what_they_covered(
            given in prop::collection::vec((0..40_i64, 1..4_i64, prop::sample::select(vec!["missing", "away"])), 0..12),
        ) {
            let gaps: Vec<Gap> = given.iter().map(|(start, length, why)| gap(*start, start + length, why)).collect();
            let is_within = |gaps: &[Gap], why: &str, at: i64| {
                let at = gap(at, at, "").start;
                gaps.iter().any(|gap| gap.reason == why && (gap.start..gap.end).contains(&at))
            };
            let merged = merged(gaps.clone());
            for why in ["missing", "away"] {
                for at in -1..45 {
                    prop_assert_eq!(is_within(&merged, why, at), is_within(&gaps, why, at), "{} {}", why, at);
                }
                let own: Vec<&Gap> = merged.iter().filter(|gap| gap.reason == why).collect();
                prop_assert!(own.is_sorted_by(|a, b| a.end < b.start));
            }
        }
    }

    #[test]
    fn history_begins_where_the_archive_does_or_else_memory() {
        let told = |href: &str, language, archived_hours: Option<i64>, has_archive: bool| {
            let address = address_in(language, href);
            let mut scene = scene(&address);
            let oldest = archived_hours.map(|hours| UnixMillis(NOW.0 - hours * HOUR_MS));
            let history = HistoryLimits { oldest, until: oldest, step_seconds: 60.0 };
            scene.limits.history = has_archive.then_some(history);
            scene.limits.oldest = Some(UnixMillis(NOW.0 - HOUR_MS / 2));
            let mut figures = figures(&crate::model::tests::address("/"));
            let summary = summary_mut(&mut figures);
            let window_ms = i64::from(address.query.range.window) * 1000;
            (summary.window.end, summary.window.start) = (NOW, UnixMillis(NOW.0 - window_ms));
            notes(&figures, &scene).iter().map(|note| said(&note.words)).collect::<Vec<_>>()
        };
        let english = Language::English;
        let none: [&str; 0] = [];
        assert_eq!(
            told("/?window=7d", english, Some(50), true),
            ["History begins on 22 Nov 12:47 UTC: there is nothing before."]
        );
        assert_eq!(
            told("/?window=24h", Language::Spanish, Some(3), true),
            ["El historial empieza a las 11:47:05 UTC: antes no hay nada."]
        );
        assert_eq!(
            told("/?window=24h", english, None, true),
            ["History begins at 14:17:05 UTC: there is nothing before."]
        );
        assert_eq!(told("/?window=24h", english, Some(50), true), none);
        assert_eq!(told("/?window=24h", english, Some(50), false), none, "without an archive, the tiles tell");
    }

    #[test]
    fn a_page_tells_what_any_of_its_answers_misses() {
        let address = address("/");
        let Figures::Overview(mut overview) = figures(&address) else { panic!("it is the overview") };
        assert_eq!(notes(&Figures::Overview(overview.clone()), &scene(&address)), []);
        overview.series.gaps = vec![gap(-3, -2, "missing")];
        overview.summary.gaps = vec![gap(-4, -3, "missing")];
        overview.heatmap.as_mut().unwrap().gaps = vec![gap(-2, -1, "missing")];
        overview.worst.gaps = vec![gap(-5, -4, "missing")];
        let notes = notes(&Figures::Overview(overview), &scene(&address));
        assert_eq!(notes.len(), 1);
        assert!(said(&notes[0].words).starts_with("No figures from 24 Nov 09:00 to 24 Nov 13:00 UTC: a file"));
    }

    #[test]
    fn a_page_tells_that_partitions_are_missing() {
        let address = address("/");
        let Figures::Overview(mut overview) = figures(&address) else { panic!("it is the overview") };
        overview.summary.partitions_missing = vec!["antenna_stream:3".to_owned(), "antenna_stream:7".to_owned()];
        let notes = notes(&Figures::Overview(overview), &scene(&address));
        let [note] = &*notes else { panic!("one note: {notes:?}") };
        assert!(said(&note.words).starts_with("The readings of 2 partitions are missing from these figures"));
        assert_eq!(note.level, Level::Warning);
    }
}
