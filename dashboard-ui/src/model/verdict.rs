//! The state of the network in one sentence.

use std::cmp::Ordering;

use shared::UnixMillis;
use shared::api::{AntennaCounts, AntennaRow, SiteRow, Status};

use super::heat::antenna_href;
use super::rows::counts_in_words;
use super::{Condition, Frame, Moment, Part, Scene, State};
use crate::figures::{NAMED_ANTENNAS, OverviewFigures, RECENT_SECONDS};
use crate::format;
use crate::language::Language;
use crate::query::{Fleet, Page};

/// What is in trouble, worst first.
const TROUBLE: [State; 5] = [
    State::Status(Status::Down),
    State::Status(Status::Silent),
    State::Status(Status::Degraded),
    State::Unavailable,
    State::Flapping,
];

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
    /// How much is in trouble, since when, and whether it gets worse; empty if nothing is.
    pub(crate) course: Vec<Part>,
    /// Which antennas are in trouble, worst first.
    pub(crate) who: Vec<Trouble>,
}

impl Verdict {
    /// Without antennas to name.
    pub(super) const fn new(level: Level, sentence: String, detail: Vec<Part>) -> Self {
        Self { level, sentence, detail, course: Vec::new(), who: Vec::new() }
    }
}

/// The antennas of one status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// As a CSS class.
    pub(crate) status: &'static str,
    /// How many there are: `401 silent`.
    pub(crate) words: String,
    /// The address of exactly these.
    pub(crate) href: String,
    /// The first of them, each with its address.
    pub(crate) named: Vec<(String, String)>,
    /// How many more there are, in words; empty if all are named.
    pub(crate) more: String,
}

pub(super) fn verdict(figures: &OverviewFigures, frame: &Frame, scene: &Scene<'_>) -> Verdict {
    let summary = &figures.summary;
    of_now(&summary.antennas, frame, scene, || Verdict {
        course: course(figures, scene),
        who: TROUBLE.into_iter().filter_map(|state| trouble(state, figures, scene)).collect(),
        ..Verdict::new(Level::Unknown, String::new(), basis(summary.measures.readings, frame, scene))
    })
}

/// The state of a site in one sentence, with how many of its antennas are in trouble.
pub(super) fn site_verdict(site: &SiteRow, frame: &Frame, scene: &Scene<'_>) -> Verdict {
    let language = scene.language();
    let trouble = |state: State| {
        let number = state.count(&site.antennas);
        (number > 0).then(|| Trouble {
            status: state.class(),
            words: format!("{} {}", format::count(number), state.word(number, language)),
            href: scene.address.with_page(Page::Site(Fleet { site: site.site.clone(), ..state.fleet() })).href(),
            named: Vec::new(),
            more: String::new(),
        })
    };
    let every = TROUBLE.into_iter().chain([State::Status(Status::Unseen)]);
    of_now(&site.antennas, frame, scene, || Verdict {
        who: every.filter_map(trouble).collect(),
        ..Verdict::new(Level::Unknown, String::new(), basis(site.readings, frame, scene))
    })
}

/// What is told of antennas as long as figures are of the present, with the judgement in front; else why they are not.
fn of_now(antennas: &AntennaCounts, frame: &Frame, scene: &Scene<'_>, told: impl FnOnce() -> Verdict) -> Verdict {
    let language = scene.language();
    let (level, sentence) = judge(antennas, language);
    match frame.condition {
        Condition::Live | Condition::Fixed | Condition::Waiting => Verdict { level, sentence, ..told() },
        Condition::Stale(age) => {
            Verdict::new(Level::Warning, stale(age, language), was_so(frame, format!(": {sentence}"), language))
        }
        Condition::BrokerAway => {
            Verdict::new(Level::Bad, broker_away(language).to_owned(), was_so(frame, ".".to_owned(), language))
        }
        Condition::Away => away_verdict(frame, language),
    }
}

/// The verdict while analytics does not answer, whatever the last figures were.
pub(super) fn away_verdict(frame: &Frame, language: Language) -> Verdict {
    let recovers = language.text(". This page recovers by itself.", ". Esta página se recupera sola.");
    Verdict::new(Level::Bad, away(language).to_owned(), was_so(frame, recovers.to_owned(), language))
}

/// The share in trouble, since when, and what is new: `33 % in trouble · since 14:05:10 (42 min) · getting worse: …`.
fn course(figures: &OverviewFigures, scene: &Scene<'_>) -> Vec<Part> {
    let (language, antennas) = (scene.language(), &figures.summary.antennas);
    let in_trouble = antennas.in_trouble();
    if in_trouble == 0 {
        return Vec::new();
    }
    let share = 100.0 * in_trouble as f64 / antennas.total() as f64;
    let share = if share < 1.0 { "< 1".to_owned() } else { format!("{share:.0}") };
    let share = format::with_unit(&share, "%");
    let mut parts = vec![Part::Text(format!("{share} {}", language.text("in trouble", "con problemas")))];
    let ongoing = figures.ongoing.as_ref().map_or(&[][..], |page| &page.incidents);
    let Some(since) = ongoing.iter().map(|incident| incident.start).min() else { return parts };
    let moment = Moment::near(since, scene.now, language);
    parts.push(match language {
        Language::English => Part::text(" · since "),
        Language::Spanish => moment.led_by(" · desde las ", " · desde el "),
    });
    let age = language.duration((scene.now.0 - since.0).max(0) as f64 / 1000.0);
    parts.extend([Part::Time(moment), Part::text(" "), Part::Zone, Part::Text(format!(" ({age}) · "))]);
    // Of those that were going on then, and those that began since and last: what flaps in between is neither.
    let recent = UnixMillis(figures.summary.window.end.0 - i64::from(RECENT_SECONDS) * 1000);
    let new = ongoing.iter().filter(|incident| incident.start > recent).count() as u64;
    let ended = (figures.before.unwrap_or_default() + new).saturating_sub(ongoing.len() as u64);
    let trend = match new.cmp(&ended) {
        _ if (new, ended) == (0, 0) => language.text("unchanged", "sin cambios"),
        Ordering::Greater => language.text("getting worse", "empeora"),
        Ordering::Less => language.text("getting better", "mejora"),
        Ordering::Equal => language.text("no better, no worse", "ni mejor ni peor"),
    };
    let news = match language {
        Language::English => format!(
            "{trend}: {} began in 15 min, {} ended",
            language.plural(new, ["incident", "incidents"], ["", ""]),
            format::count(ended)
        ),
        Language::Spanish => {
            let new = language.plural(new, ["", ""], ["incidente nuevo", "incidentes nuevos"]);
            format!("{trend}: {new} en 15 min, {}", language.plural(ended, ["", ""], ["acabado", "acabados"]))
        }
    };
    parts.push(Part::Text(news));
    parts
}

/// The antennas in a state: the first by name, and the address of all of them.
fn trouble(state: State, figures: &OverviewFigures, scene: &Scene<'_>) -> Option<Trouble> {
    let (number, language) = (state.count(&figures.summary.antennas), scene.language());
    if number == 0 {
        return None;
    }
    let ids = match state {
        State::Status(status) => named(status, figures),
        State::Unavailable | State::Flapping => {
            let list = figures.worst.antennas.iter().chain(&figures.unsettled);
            let is_meant = |row: &&AntennaRow| State::of(row) == state || state == State::Flapping && row.flapping;
            let mut ids: Vec<&String> = list.filter(is_meant).map(|row| &row.antenna_id).collect();
            ids.sort_unstable();
            ids.dedup();
            ids.truncate(NAMED_ANTENNAS);
            ids
        }
    };
    let rest = number.saturating_sub(ids.len() as u64);
    Some(Trouble {
        status: state.class(),
        words: format!("{} {}", format::count(number), state.word(number, language)),
        href: scene.address.with_page(Page::Antennas(state.fleet())).href(),
        more: match (ids.len(), rest) {
            (_, 0) => String::new(),
            (0, _) => language.text("show them", "mostrarlas").to_owned(),
            _ => language.more(rest),
        },
        named: ids.into_iter().map(|id| (id.clone(), antenna_href(id, scene))).collect(),
    })
}

/// The first antennas of a status.
fn named(status: Status, figures: &OverviewFigures) -> Vec<&String> {
    let of_map = figures.heatmap.iter().flat_map(|map| &map.rows).map(|row| (row.status, row.antenna_id.as_ref()));
    let of_list = figures.worst.antennas.iter().map(|row| (row.status, Some(&row.antenna_id)));
    // Where the map has rows for the antennas of worse statuses only, some were asked for.
    let of_status = figures.named.iter().map(|row| (row.status, Some(&row.antenna_id)));
    if figures.heatmap.is_some() { of_map.collect::<Vec<_>>() } else { of_list.collect() }
        .into_iter()
        .chain(of_status)
        .filter(|(own, _)| *own == status)
        .filter_map(|(_, id)| id)
        .take(NAMED_ANTENNAS)
        .collect()
}

/// Says that analytics does not answer.
pub(crate) const fn away(language: Language) -> &'static str {
    language.text("Analytics can’t be reached", "No hay conexión con el servicio de análisis")
}

/// Says that analytics demands a token that the dashboard does not know, and what to do.
pub(crate) const fn unauthorized(language: Language) -> [&'static str; 2] {
    [
        language.text("Analytics refuses the dashboard", "El análisis rechaza al panel"),
        language.text(
            "Analytics answers only those who know its token: set ANALYTICS_TOKEN of the dashboard to the same as that of analytics.",
            "El análisis solo responde a quien conoce su token: ANALYTICS_TOKEN del panel debe ser igual al del análisis.",
        ),
    ]
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
fn basis(readings: u64, frame: &Frame, scene: &Scene<'_>) -> Vec<Part> {
    let language = scene.language();
    let window = scene.address.query.range.window;
    let range = if frame.condition == Condition::Fixed { language.range(window) } else { language.last(window) };
    let readings = language.plural(readings, ["reading", "readings"], ["lectura", "lecturas"]);
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
        // By kind and by share, so that one antenna of thousands is not as loud as a third of them.
        () if antennas.in_trouble() == 0 => Level::Good,
        () if antennas.down * 100 >= total && antennas.down > 0 => Level::Bad,
        () if (antennas.down + antennas.silent) * 10 >= total => Level::Bad,
        () if antennas.in_trouble() * 4 >= total => Level::Bad,
        () => Level::Warning,
    };
    let is_whole = |state: &State| state.count(antennas) == total;
    let is_steady = antennas.unsettled == 0;
    // Those that have not been seen are no part of the total.
    let known = [Status::Down, Status::Degraded, Status::Silent, Status::Healthy].map(State::Status);
    let every = known.into_iter().filter(|it| is_steady || *it != State::Status(Status::Healthy));
    if let Some(state) = every.chain(State::UNSETTLED).find(is_whole) {
        let word = state.word(total, language);
        let sentence = match (total, language) {
            (1, Language::English) => format!("The only antenna is {word}"),
            (1, Language::Spanish) => format!("La única antena está {word}"),
            (_, Language::English) => format!("All {} {word}", language.antennas(total)),
            (_, Language::Spanish) => format!("Las {} están {word}", language.antennas(total)),
        };
        return (level, sentence);
    }
    let states = [Status::Down, Status::Degraded, Status::Silent].map(State::Status);
    let parts = counts_in_words(antennas, &[states.as_slice(), &State::UNSETTLED].concat(), language);
    // Only the first number names the total: "2 of 12 antennas down, 1 degraded".
    let of = format!(" {} {} ", language.text("of", "de"), language.antennas(total));
    (level, parts.join(", ").replacen(' ', &of, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figures;
    use crate::mock::Mock;
    use crate::model::tests::{address, address_in, figures_of, fleet, overview, said, scene};
    use crate::query::Range;
    use crate::query::tests::read;

    fn judged(language: Language, counts: (u64, u64, u64, u64)) -> (Level, String) {
        let (healthy, degraded, down, silent) = counts;
        judge(&AntennaCounts { healthy, degraded, down, silent, ..AntennaCounts::default() }, language)
    }

    fn verdict_on(href: &str, language: Language, condition: Condition) -> Verdict {
        let (address, figures) = (address_in(language, href), overview());
        let frame = Frame { condition, ..Frame::new(&scene(&address), figures.summary.as_of, &figures.summary, false) };
        verdict(&figures, &frame, &scene(&address))
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
            ((0, 0, 0, 3), Level::Bad, "All 3 antennas silent", "Las 3 antenas están sin señal"),
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
    fn what_flaps_or_was_mostly_unavailable_is_not_healthy() {
        let counts = |healthy, flapping, unavailable, unsettled| AntennaCounts {
            healthy,
            flapping,
            unavailable,
            unsettled,
            ..AntennaCounts::default()
        };
        for (counts, level, english, spanish) in [
            (counts(24, 2, 0, 2), Level::Warning, "2 of 24 antennas flapping", "2 de 24 antenas intermitentes"),
            (
                counts(24, 1, 1, 2),
                Level::Warning,
                "1 of 24 antennas mostly unavailable, 1 flapping",
                "1 de 24 antenas casi nunca disponible, 1 intermitente",
            ),
            (
                counts(4, 0, 1, 1),
                Level::Bad,
                "1 of 4 antennas mostly unavailable",
                "1 de 4 antenas casi nunca disponible",
            ),
            (counts(2, 2, 0, 2), Level::Bad, "All 2 antennas flapping", "Las 2 antenas están intermitentes"),
        ] {
            assert_eq!(judge(&counts, Language::English), (level, english.to_owned()));
            assert_eq!(judge(&counts, Language::Spanish), (level, spanish.to_owned()));
        }
    }

    #[test]
    fn a_status_without_a_row_has_its_names_asked_for() {
        let network = Mock::with_antennas(2_000);
        let at = address("/");
        let Figures::Overview(figures) = figures_of(&network, &at) else { panic!("it is the overview") };
        let map = figures.heatmap.as_ref().unwrap();
        let is_missing = |status: &Status| map.rows.iter().all(|row| row.status != *status || row.antenna_id.is_none());
        let missing: Vec<Status> =
            [Status::Down, Status::Silent, Status::Degraded].into_iter().filter(is_missing).collect();
        assert!(!missing.is_empty(), "the worst fill the rows");
        assert!(figures.named.iter().all(|row| missing.contains(&row.status)), "no other is asked for");
        let frame = Frame::new(&scene(&at), figures.summary.as_of, &figures.summary, false);
        for trouble in verdict(&figures, &frame, &scene(&at)).who {
            assert_eq!(trouble.named.len(), NAMED_ANTENNAS, "{}", trouble.words);
            assert!(trouble.more.starts_with("and "), "{}", trouble.more);
        }
    }

    #[test]
    fn how_bad_it_is_goes_by_share_and_kind() {
        for (counts, level) in [
            ((8, 4, 0, 0), Level::Bad),
            ((1599, 0, 0, 401), Level::Bad),
            ((1999, 0, 1, 0), Level::Warning),
            ((1980, 0, 20, 0), Level::Bad),
            ((1990, 9, 0, 1), Level::Warning),
            ((1999, 0, 0, 0), Level::Good),
        ] {
            assert_eq!(judged(Language::English, counts).0, level, "{counts:?}");
        }
    }

    #[test]
    fn it_says_who_and_since_when_and_what_is_new_and_leads_to_exactly_those() {
        let shown = verdict_on("/?window=15m", Language::English, Condition::Live);
        let counts = overview().summary.antennas;
        let numbers: u64 =
            shown.who.iter().map(|who| who.words.split(' ').next().unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(numbers, counts.in_trouble());
        for who in &shown.who {
            let there = read(&who.href).unwrap();
            assert_eq!(there.query.range, Range::latest(900));
            let ids: Vec<String> = fleet(&there).antennas.antennas.into_iter().map(|row| row.antenna_id).collect();
            assert!(!who.named.is_empty() && who.named.iter().all(|(id, _)| ids.contains(id)), "{who:?}");
        }
        let course = said(&shown.course);
        assert!(
            course.starts_with("17\u{202f}% in trouble · since 1") && course.contains(" began in 15 min, "),
            "{course}"
        );
        let past = OverviewFigures { ongoing: None, before: None, ..overview() };
        let address = address_in(Language::Spanish, "/");
        assert_eq!(said(&super::course(&past, &scene(&address))), "17\u{202f}% con problemas");
        assert!(verdict_on("/", Language::English, Condition::Stale(45_000)).who.is_empty());
    }

    #[test]
    fn what_is_new_and_what_is_over_is_counted_against_a_quarter_of_an_hour_ago() {
        let address = address_in(Language::English, "/");
        let mut figures = overview();
        let ongoing = figures.ongoing.as_mut().unwrap();
        let minutes_ago = |minutes: i64| UnixMillis(figures.summary.window.end.0 - minutes * 60_000);
        ongoing.incidents.truncate(3);
        let starts = [minutes_ago(2), minutes_ago(14), minutes_ago(40)];
        ongoing.incidents.iter_mut().zip(starts).for_each(|(incident, start)| incident.start = start);
        assert_eq!(ongoing.incidents.len(), 3);
        for (before, words) in [
            (1, "getting worse: 2 incidents began in 15 min, 0 ended"),
            (3, "no better, no worse: 2 incidents began in 15 min, 2 ended"),
            (9, "getting better: 2 incidents began in 15 min, 8 ended"),
        ] {
            figures.before = Some(before);
            let course = said(&super::course(&figures, &scene(&address)));
            assert!(course.ends_with(words), "{course}");
        }
    }

    #[test]
    fn many_are_counted_beyond_the_first_names() {
        let mut figures = overview();
        figures.summary.antennas.silent = 1401;
        let address = address_in(Language::English, "/");
        let who = trouble(State::Status(Status::Silent), &figures, &scene(&address)).unwrap();
        assert_eq!((&*who.words, &*who.more), ("1\u{202f}401 silent", "and 1\u{202f}400 more"));
        (figures.heatmap, figures.worst.antennas) = (None, Vec::new());
        assert_eq!(trouble(State::Status(Status::Silent), &figures, &scene(&address)).unwrap().more, "show them");
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
