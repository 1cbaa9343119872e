//! The archive: where it is, what is in it, and whether it takes what is to go there.

use shared::UnixMillis;
use shared::api::Archive;

use crate::format;
use crate::model::{Level, Moment, Part, Scene};

/// The archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArchivePanel {
    pub(crate) level: Level,
    /// Whether what is final is written, in words; if it is not, why.
    pub(crate) state: String,
    /// The names and words of its facts.
    pub(crate) facts: Vec<(&'static str, Vec<Part>)>,
}

pub(super) fn panel(archive: &Archive, scene: &Scene<'_>) -> ArchivePanel {
    let language = scene.language();
    let Archive { url, oldest, until, bytes, hours_waiting, days_waiting, compactions_failed, reason } = archive;
    let (level, state) = match (reason, hours_waiting, oldest) {
        (Some(reason), ..) => {
            let words = language.text("The last file could not be written", "No se pudo escribir el último fichero");
            (Level::Bad, format!("{words}: {reason}"))
        }
        (None, 1.., _) => (
            Level::Unknown,
            language
                .text("Hours that are final are being written.", "Se están escribiendo horas ya definitivas.")
                .to_owned(),
        ),
        (None, 0, Some(_)) => (
            Level::Good,
            language.text("Every hour that is final is in it.", "Contiene todas las horas definitivas.").to_owned(),
        ),
        (None, 0, None) => (
            Level::Unknown,
            language
                .text("Nothing is in it yet: no hour is final.", "Aún no contiene nada: ninguna hora es definitiva.")
                .to_owned(),
        ),
    };
    let time = |at: &Option<UnixMillis>| match at {
        Some(at) => vec![Part::Time(Moment::day(*at, scene.now, language)), Part::text(" "), Part::Zone],
        None => vec![Part::text(format::UNKNOWN)],
    };
    let mut facts = vec![
        (language.text("Where", "Dónde"), vec![Part::text(url)]),
        (language.text("From", "Desde"), time(oldest)),
        (language.text("Until", "Hasta"), time(until)),
        (language.text("Size", "Tamaño"), vec![Part::Text(language.bytes(*bytes))]),
        (language.text("Hours waiting", "Horas en espera"), vec![Part::Text(format::count(*hours_waiting))]),
        (language.text("Days to compact", "Días por compactar"), vec![Part::Text(format::count(*days_waiting))]),
    ];
    if *compactions_failed > 0 {
        let name = language.text("Days not compacted", "Días sin compactar");
        let why = language.text("a file is missing or damaged", "falta un fichero o está dañado");
        facts.push((name, vec![Part::Text(format!("{}: {why}", format::count(*compactions_failed)))]));
    }
    ArchivePanel { level, state, facts }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{shown, shown_in};
    use super::*;
    use crate::language::Language;
    use crate::model::tests::{NOW, said};

    fn archive() -> Archive {
        let at = |hours: i64| Some(UnixMillis(NOW.0 - hours * 3_600_000));
        Archive {
            url: "s3://bucket/vigia".to_owned(),
            oldest: at(50),
            until: at(2),
            bytes: 3_400_000,
            hours_waiting: 0,
            days_waiting: 0,
            compactions_failed: 0,
            reason: None,
        }
    }

    #[test]
    fn an_archive_is_told_with_where_it_is_and_what_is_in_it() {
        assert_eq!(shown(|_| ()).archive, None);
        let panel = shown(|figures| figures.pipeline.archive = Some(archive())).archive.unwrap();
        assert_eq!((panel.level, &*panel.state), (Level::Good, "Every hour that is final is in it."));
        let facts: Vec<String> = panel.facts.iter().map(|(name, words)| format!("{name}: {}", said(words))).collect();
        assert_eq!(
            facts,
            [
                "Where: s3://bucket/vigia",
                "From: 22 Nov 12:47 UTC",
                "Until: 24 Nov 12:47 UTC",
                "Size: 3.4\u{202f}MB",
                "Hours waiting: 0",
                "Days to compact: 0",
            ]
        );
        let failed = Archive { days_waiting: 1, compactions_failed: 1, ..archive() };
        let panel = shown(|figures| figures.pipeline.archive = Some(failed)).archive.unwrap();
        let facts: Vec<String> =
            panel.facts[5..].iter().map(|(name, words)| format!("{name}: {}", said(words))).collect();
        assert_eq!(facts, ["Days to compact: 1", "Days not compacted: 1: a file is missing or damaged"]);
    }

    #[test]
    fn an_empty_archive_has_dashes_and_is_no_failure() {
        let empty = Archive { oldest: None, until: None, bytes: 0, ..archive() };
        let screen = shown(|figures| figures.pipeline.archive = Some(empty));
        let panel = screen.archive.unwrap();
        assert_eq!((said(&panel.facts[1].1), said(&panel.facts[2].1)), ("–".to_owned(), "–".to_owned()));
        assert_eq!((panel.level, screen.verdict.level), (Level::Unknown, Level::Good));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_bad_and_says_why() {
        for (language, sentence, state) in [
            (
                Language::English,
                "Final hours can’t be written to the archive",
                "The last file could not be written: disk full",
            ),
            (
                Language::Spanish,
                "No se puede escribir en el archivo histórico",
                "No se pudo escribir el último fichero: disk full",
            ),
        ] {
            let failing = Archive { reason: Some("disk full".to_owned()), hours_waiting: 2, ..archive() };
            let screen = shown_in(language, false, |figures| figures.pipeline.archive = Some(failing));
            assert_eq!((screen.verdict.level, &*screen.verdict.sentence), (Level::Bad, sentence));
            let panel = screen.archive.unwrap();
            assert_eq!((panel.level, &*panel.state), (Level::Bad, state));
            assert_eq!(said(&panel.facts[4].1), "2");
        }
        let waiting = Archive { hours_waiting: 1, ..archive() };
        let screen = shown(|figures| figures.pipeline.archive = Some(waiting));
        assert_eq!((screen.archive.unwrap().level, screen.verdict.level), (Level::Unknown, Level::Good));
    }
}
