//! What all pages share: how their figures relate to the present, and the ranges on offer.

use shared::UnixMillis;
use shared::api::{Limits, Summary};

use super::{Level, Scene, hidden};
use crate::format;
use crate::language::Language;
use crate::query::{Address, Comparison, Range, duration_label};

/// Figures older than this are stale: antennas report every few seconds, and analytics merges several times a second.
const STALE_AFTER_MS: i64 = 30_000;

/// How the figures relate to the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// They are current.
    Live,
    /// They cover a range with a fixed end.
    Fixed,
    /// No new reading for this many milliseconds.
    Stale(i64),
    /// No reading yet.
    Waiting,
    /// Analytics answers, but the broker is away: figures stand still, and no antenna is to blame.
    BrokerAway,
    /// Analytics no longer answers.
    Away,
}

/// The context of a page's figures.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Frame {
    /// How the figures relate to the present.
    pub(crate) condition: Condition,
    /// When the newest readings were merged; `None` before the first.
    pub(crate) as_of: Option<Moment>,
    /// Why the broker is away, if it is.
    pub(crate) broker_away: Option<String>,
    /// What is to know about the figures before they are read.
    pub(crate) notes: Vec<Note>,
    /// The ranges.
    pub(crate) ranges: Ranges,
    /// The language.
    pub(crate) language: Language,
}

/// A sentence about the figures of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) level: Level,
    pub(crate) words: Vec<Part>,
}

/// The ranges offered by a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ranges {
    /// Each with its address, and whether it is selected. Ranges longer than analytics keeps are left out.
    pub(crate) presets: Vec<(String, String, bool)>,
    /// Start and end of what is shown.
    pub(crate) start: Moment,
    /// See [`Self::start`].
    pub(crate) end: Moment,
    /// For the form with a start and an end: the values of its `<input type="datetime-local">`, and the earliest allowed.
    pub(crate) inputs: [String; 3],
    /// The form's hidden fields.
    pub(crate) hidden: Vec<(String, String)>,
    /// The form's action.
    pub(crate) action: String,
    /// The address that will show the same figures again.
    pub(crate) permalink: String,
    /// The address of the same page for the present, if it does not show the present.
    pub(crate) latest: Option<String>,
    /// The address of the same page compared with last week, or not any more, and whether it is; `None` where nothing is compared.
    pub(crate) last_week: Option<(String, bool)>,
    /// Days and months of what the page is about; `None` without an archive.
    pub(crate) days: Option<String>,
    /// The same page over all that is kept: in words, and its address. `None` if analytics does not tell.
    pub(crate) kept: Option<(String, String)>,
}

/// A point in time, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    /// As displayed, in UTC.
    pub(crate) text: String,
    /// RFC 3339.
    pub(crate) machine: String,
    /// The form of the text, so that the script can rewrite it in another time zone.
    pub(crate) form: Form,
}

/// The parts of a time that are written. The server alone decides on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// To the second.
    Time,
    /// To the minute.
    Minute,
    /// The day alone.
    Date { has_year: bool },
    /// The day and the time to the minute.
    Day { has_year: bool },
    /// The day and the time to the second.
    DayToSecond { has_year: bool },
}

const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A part of a sentence that contains times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Words.
    Text(String),
    /// A time.
    Time(Moment),
    /// The name of the time zone.
    Zone,
}

impl Form {
    /// To the second if it is within half a day, otherwise with its day.
    fn near(at: UnixMillis, now: UnixMillis) -> Self {
        if is_near(at, now) { Self::Time } else { Self::Day { has_year: is_in_another_year(at, now) } }
    }

    /// Of the labels of an axis.
    fn of_axis([start, end]: [UnixMillis; 2], now: UnixMillis) -> Self {
        let has_year = [start, end].into_iter().any(|at| is_in_another_year(at, now));
        match end.0 - start.0 {
            ..HOUR_MS if !has_year => Self::Time,
            HOUR_MS..DAY_MS if !has_year => Self::Minute,
            length_ms if length_ms < 7 * DAY_MS => Self::Day { has_year },
            _ => Self::Date { has_year },
        }
    }

    /// Of the steps of a range, in a table and below a crosshair.
    pub(crate) fn of_steps([start, end]: [UnixMillis; 2], step_ms: i64, now: UnixMillis) -> Self {
        let has_year = [start, end].into_iter().any(|at| is_in_another_year(at, now));
        match [start, end].into_iter().all(|at| is_near(at, now)) {
            true => Self::Time,
            false if step_ms % MINUTE_MS == 0 => Self::Day { has_year },
            false => Self::DayToSecond { has_year },
        }
    }

    /// The parts as the script knows them.
    pub(crate) const fn parts(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Minute => "minute",
            Self::Date { has_year: false } => "date",
            Self::Date { has_year: true } => "date year",
            Self::Day { has_year: false } => "date minute",
            Self::Day { has_year: true } => "date year minute",
            Self::DayToSecond { has_year: false } => "date time",
            Self::DayToSecond { has_year: true } => "date year time",
        }
    }

    fn write(self, at: UnixMillis, language: Language) -> String {
        let date = |has_year: bool| {
            if has_year { format!("{} {}", language.date(at), format::year(at)) } else { language.date(at) }
        };
        match self {
            Self::Time => format::time(at),
            Self::Minute => format::time_to_the_minute(at),
            Self::Date { has_year } => date(has_year),
            Self::Day { has_year } => format!("{} {}", date(has_year), format::time_to_the_minute(at)),
            Self::DayToSecond { has_year } => format!("{} {}", date(has_year), format::time(at)),
        }
    }
}

fn is_near(at: UnixMillis, now: UnixMillis) -> bool {
    (now.0 - at.0).abs() < DAY_MS / 2
}

fn is_in_another_year(at: UnixMillis, now: UnixMillis) -> bool {
    !is_near(at, now) && format::year(at) != format::year(now)
}

impl Moment {
    pub(crate) fn new(at: UnixMillis, form: Form, language: Language) -> Self {
        Self { text: form.write(at, language), machine: at.to_string(), form }
    }

    /// To the second if it is within half a day, otherwise with its day.
    pub(crate) fn near(at: UnixMillis, now: UnixMillis, language: Language) -> Self {
        Self::new(at, Form::near(at, now), language)
    }

    /// With its day.
    pub(crate) fn day(at: UnixMillis, now: UnixMillis, language: Language) -> Self {
        Self::new(at, Form::Day { has_year: is_in_another_year(at, now) }, language)
    }

    /// The labels of an axis: so many stretches of equal length, from the start of the first to the end of the last.
    pub(crate) fn on_axis(
        [start, end]: [UnixMillis; 2],
        stretches: i64,
        now: UnixMillis,
        language: Language,
    ) -> Vec<Self> {
        let form = Form::of_axis([start, end], now);
        let at = |stretch| UnixMillis(start.0 + (end.0 - start.0) * stretch / stretches);
        (0..=stretches).map(|stretch| Self::new(at(stretch), form, language)).collect()
    }

    /// The words before a time of day, or those before a day.
    pub(crate) fn led_by(&self, to_time: &str, to_day: &str) -> Part {
        Part::text(if matches!(self.form, Form::Time | Form::Minute) { to_time } else { to_day })
    }
}

impl Part {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl Frame {
    pub(super) fn new(scene: &Scene<'_>, as_of: Option<UnixMillis>, summary: &Summary, is_away: bool) -> Self {
        let language = scene.language();
        Self {
            condition: condition(scene, as_of, is_away),
            as_of: as_of.map(|as_of| Moment::near(as_of, scene.now, language)),
            broker_away: None,
            notes: Vec::new(),
            ranges: ranges(scene, summary),
            language,
        }
    }

    /// Whether the figures are compared with last week.
    pub(crate) fn is_of_last_week(&self) -> bool {
        matches!(self.ranges.last_week, Some((_, true)))
    }
}

fn condition(scene: &Scene<'_>, as_of: Option<UnixMillis>, is_away: bool) -> Condition {
    let is_fixed = scene.address.query.range.end.is_some();
    match as_of.map(|as_of| scene.now.0 - as_of.0) {
        _ if is_away => Condition::Away,
        _ if is_fixed => Condition::Fixed,
        None => Condition::Waiting,
        Some(age) if age > STALE_AFTER_MS => Condition::Stale(age),
        Some(_) => Condition::Live,
    }
}

fn ranges(scene: &Scene<'_>, summary: &Summary) -> Ranges {
    let Scene { address, now, limits, .. } = scene;
    let range = address.query.range;
    let is_custom = |window: &u32| Range::presets(limits).all(|preset| preset != *window);
    let is_answered = |window: &u32| range.end.is_none() && *window <= Range::longest(limits);
    let custom = Some(range.window).filter(is_custom).filter(is_answered);
    let preset = |window: u32| {
        let is_shown = range == Range::latest(window);
        (duration_label(window), address.with_range(Range::latest(window)).href(), is_shown)
    };
    let (start, end) = (summary.window.start, summary.window.end);
    let oldest = limits.known_from().map_or_else(String::new, format::local_input);
    Ranges {
        presets: Range::presets(limits).chain(custom).map(preset).collect(),
        start: Moment::near(start, *now, scene.language()),
        end: Moment::near(end, *now, scene.language()),
        inputs: [format::local_input(start), format::local_input(end), oldest],
        hidden: hidden(address, &["window", "end", "page"]),
        action: address.query.page.kind().path_in(address.manner.base, ""),
        permalink: address.with_range(Range { window: range.window, end: Some(end) }).href(),
        last_week: address.query.page.is_compared().then(|| last_week(address)),
        days: limits.history.map(|_| address.with_page(address.query.page.days()).href()),
        kept: Range::kept(limits, *now)
            .map(|kept| (kept_words(kept, limits, scene.language()), address.with_range(kept).href())),
        latest: range.end.map(|_| address.with_range(Range::latest(latest_window(range.window, limits))).href()),
    }
}

fn last_week(address: &Address) -> (String, bool) {
    let is_on = address.query.comparison == Comparison::Week;
    let other = if is_on { Comparison::Previous } else { Comparison::Week };
    (address.with_comparison(other).href(), is_on)
}

/// How much there is to show, and whether it is still growing.
fn kept_words(kept: Range, limits: &Limits, language: Language) -> String {
    let length = language.range(kept.window);
    // An archive goes on growing.
    let is_all = limits.history.is_none() && kept.window >= Range::longest(limits);
    match (language, is_all) {
        (Language::English, true) => format!("All {length} that are kept"),
        (Language::Spanish, true) => format!("Todo lo guardado: {length}"),
        (Language::English, false) => format!("Up to {length} so far"),
        (Language::Spanish, false) => format!("Hasta {length} por ahora"),
    }
}

/// The way back from a zoomed range: the shortest offered range that is at least as long, or else the longest.
fn latest_window(window: u32, limits: &Limits) -> u32 {
    let mut presets = Range::presets(limits);
    presets.find(|preset| *preset >= window).or_else(|| Range::presets(limits).last()).unwrap_or(window)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reference::{Entry, EntryId, Reference, Settings, Stages};
    use shared::api::{End, HistoryLimits, SummaryRequest, WindowRequest};
    use shared::time::Span;

    use super::*;
    use crate::model::tests::{NOW, address, scene};
    use crate::query::tests::read;

    /// What analytics keeps, with a week of it.
    const WEEK_S: f64 = 604_800.0;

    fn summary(address: &Address) -> Summary {
        let Range { window, end } = address.query.range;
        let settings = Settings { retention_ms: WEEK_S as i64 * 1000, ..Settings::default() };
        let mut reference = Reference::new(settings, NOW);
        let fields = [("antenna_id", "a"), ("timestamp", "1763995624"), ("packets", "1"), ("loss", "0")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        reference.take(&Entry { id: EntryId { arrival_ms: NOW.0, number: 0 }, fields });
        reference.merge(NOW, Stages::default());
        let length = Some(Span::from_ms(i64::from(window) * 1000));
        let window = WindowRequest { length, end: end.map_or(End::Watermark, End::At) };
        reference.ask(&SummaryRequest { window }, NOW).unwrap()
    }

    fn frame(address: &Address, retention_seconds: f64) -> Frame {
        let mut scene = scene(address);
        scene.limits.retention_seconds = retention_seconds;
        let summary = summary(address);
        Frame::new(&scene, summary.as_of, &summary, false)
    }

    fn presets(href: &str, retention_seconds: f64) -> Vec<(String, bool)> {
        let ranges = frame(&address(href), retention_seconds).ranges;
        ranges.presets.into_iter().map(|(label, _, is_shown)| (label, is_shown)).collect()
    }

    #[test]
    fn what_is_wrong_with_analytics_comes_before_what_was_asked_for_and_that_before_age() {
        let condition_of = |href: &str, age_ms: Option<i64>, is_away| {
            let address = address(href);
            let (scene, summary) = (scene(&address), summary(&address));
            Frame::new(&scene, age_ms.map(|age| UnixMillis(NOW.0 - age)), &summary, is_away).condition
        };
        let (present, fixed) = ("/?window=15m", "/?end=2025-11-24T14:30:00Z");
        for (href, age_ms, is_away, condition) in [
            (present, Some(0), false, Condition::Live),
            (present, Some(30_000), false, Condition::Live),
            (present, Some(30_001), false, Condition::Stale(30_001)),
            (present, None, false, Condition::Waiting),
            (fixed, Some(0), false, Condition::Fixed),
            (fixed, Some(1_000_000), false, Condition::Fixed),
            (fixed, None, false, Condition::Fixed),
            (present, Some(0), true, Condition::Away),
            (fixed, Some(0), true, Condition::Away),
            (present, None, true, Condition::Away),
        ] {
            assert_eq!(condition_of(href, age_ms, is_away), condition, "{href} {age_ms:?} {is_away}");
        }
    }

    #[test]
    fn a_time_of_day_and_a_day_are_led_to_by_other_words() {
        let led = |hours: i64| {
            let at = UnixMillis(NOW.0 - hours * 3_600_000);
            Moment::near(at, NOW, Language::Spanish).led_by("a las ", "el ")
        };
        assert_eq!((led(1), led(13)), (Part::text("a las "), Part::text("el ")));
    }

    #[test]
    fn times_of_another_year_tell_it_and_an_axis_tells_it_everywhere_or_nowhere() {
        let before = |days: i64| UnixMillis(NOW.0 - days * DAY_MS);
        let axis = |days: [i64; 2], language| {
            let labels = Moment::on_axis(days.map(before), 4, NOW, language);
            (labels[0].text.clone(), labels[4].text.clone(), labels[0].form.parts())
        };
        let told = |start: &str, end: &str, parts| (start.to_owned(), end.to_owned(), parts);
        assert_eq!(axis([90, 0], Language::English), told("26 Aug", "24 Nov", "date"));
        assert_eq!(axis([400, 0], Language::English), told("20 Oct 2024", "24 Nov 2025", "date year"));
        assert_eq!(
            axis([400, 399], Language::Spanish),
            told("20 oct 2024 14:47", "21 oct 2024 14:47", "date year minute")
        );
        let near = |days| Moment::near(before(days), NOW, Language::English).text;
        assert_eq!([near(0), near(1), near(400)], ["14:47:05", "23 Nov 14:47", "20 Oct 2024 14:47"]);
        // In the first hours of a year, the last ones of the year before need none.
        let midnight = UnixMillis(1_767_225_600_000);
        let evening = UnixMillis(midnight.0 - HOUR_MS);
        assert_eq!(Moment::near(evening, midnight, Language::English).text, "23:00:00");
        assert_eq!(Moment::day(evening, midnight, Language::English).text, "31 Dec 23:00");
    }

    #[test]
    fn all_steps_of_a_range_have_one_form_which_tells_them_apart() {
        let before = |hours: i64| UnixMillis(NOW.0 - hours * HOUR_MS);
        let form = |hours: [i64; 2], step_ms| Form::of_steps(hours.map(before), step_ms, NOW).parts();
        assert_eq!(form([1, 0], 60_000), "time");
        assert_eq!(form([24, 0], 1_800_000), "date minute");
        assert_eq!(form([25, 24], 60_000), "date minute");
        assert_eq!(form([25, 24], 5_000), "date time");
        assert_eq!(form([9000, 0], 86_400_000), "date year minute");
        assert_eq!(form([9001, 9000], 5_000), "date year time");
    }

    #[test]
    fn a_link_compares_with_last_week_and_another_one_ends_it() {
        let last_week = |href: &str| frame(&address(href), WEEK_S).ranges.last_week;
        let on = "/antenna?id=x&window=15m&compare=week";
        assert_eq!(last_week("/antenna?id=x&window=15m"), Some((on.to_owned(), false)));
        assert_eq!(last_week(on), Some(("/antenna?id=x&window=15m".to_owned(), true)));
        assert_eq!(last_week("/antennas?compare=week"), None, "nothing of it is compared");
        let ranges = frame(&address("/antennas?compare=week&q=x"), WEEK_S).ranges;
        assert!(ranges.presets.iter().all(|(_, href, _)| href.contains("compare=week")));
        assert!(ranges.hidden.contains(&("compare".to_owned(), "week".to_owned())), "the form keeps it");
    }

    #[test]
    fn ranges_longer_than_what_is_kept_are_not_offered() {
        let labels = |retention_s| presets("/", retention_s).into_iter().map(|(label, _)| label).collect::<Vec<_>>();
        assert_eq!(labels(WEEK_S), ["5m", "15m", "1h"]);
        assert_eq!(labels(3600.0), ["5m", "15m", "1h"]);
        assert_eq!(labels(3599.0), ["5m", "15m"]);
        assert_eq!(labels(300.0), ["5m"]);
        assert_eq!(labels(60.0), [""; 0]);
    }

    #[test]
    fn with_an_archive_the_form_and_the_longest_range_begin_where_it_does() {
        let address = address("/antennas?window=7d&lang=es");
        let mut scene = scene(&address);
        let oldest = Some(UnixMillis(NOW.0 - 50 * HOUR_MS));
        scene.limits.history = Some(HistoryLimits { oldest, until: Some(NOW), step_seconds: 60.0 });
        scene.limits.oldest = Some(UnixMillis(NOW.0 - HOUR_MS));
        let summary = summary(&address);
        let ranges = Frame::new(&scene, summary.as_of, &summary, false).ranges;
        assert_eq!(ranges.inputs[2], "2025-11-22T12:47:05");
        let kept = ("Hasta 2 días por ahora".to_owned(), "/antennas?window=50h&lang=es".to_owned());
        assert_eq!(ranges.kept, Some(kept));
        let shown: Vec<&str> = ranges.presets.iter().filter(|preset| preset.2).map(|preset| &*preset.0).collect();
        assert_eq!((ranges.presets.len(), shown), (8, vec!["7d"]));
    }

    #[test]
    fn the_range_that_is_shown_is_marked_and_a_custom_one_joins_the_others() {
        assert_eq!(presets("/?window=15m", WEEK_S)[1], ("15m".to_owned(), true));
        let custom = presets("/?window=20m", WEEK_S);
        assert_eq!(custom.iter().filter(|(_, is_shown)| *is_shown).collect::<Vec<_>>(), [&("20m".to_owned(), true)]);
        let fixed = presets("/?window=20m&end=2025-11-24T14:30:00Z", WEEK_S);
        assert_eq!(fixed.len(), 3);
        assert!(fixed.iter().all(|(_, is_shown)| !is_shown), "a fixed range is none of those that end now");
    }

    #[test]
    fn a_preset_leads_to_itself_and_changes_nothing_else() {
        let address = address("/antennas?q=a%26b&status=down&sort=p95&page=3&window=20m&lang=es&wall=1");
        for (label, href, is_shown) in frame(&address, WEEK_S).ranges.presets {
            let there = read(&href).unwrap();
            assert_eq!(frame(&there, WEEK_S).ranges.presets.iter().find(|preset| preset.2).unwrap().0, label);
            assert_eq!(is_shown, there.query.range == address.query.range);
            assert_eq!(there, address.with_range(there.query.range));
        }
    }

    #[test]
    fn back_to_live_is_offered_where_the_page_is_not() {
        let latest = |href: &str, retention_s| frame(&address(href), retention_s).ranges.latest;
        assert_eq!(latest("/?window=15m", WEEK_S), None);
        for (window, retention_s, back) in [
            ("30s", WEEK_S, "/?by=latency"),
            ("5m", WEEK_S, "/?by=latency"),
            ("6m", WEEK_S, "/?by=latency&window=15m"),
            ("2h", WEEK_S, "/?by=latency&window=1h"),
            ("16m", 900.0, "/?by=latency&window=15m"),
            ("30s", 60.0, "/?by=latency&window=30s"),
        ] {
            let href = format!("/?by=latency&window={window}&end=2025-11-24T14:30:00Z");
            assert_eq!(latest(&href, retention_s).as_deref(), Some(back), "{window}");
        }
    }

    fn addresses() -> impl Strategy<Value = Address> {
        let page = prop_oneof![
            Just("/?by=latency&heatmap=tall"),
            Just("/antennas?q=a%26b+%C3%B1%22&status=down&sort=p95&order=asc"),
            Just("/antenna?id=%2F..%2F%3Fx%3D1%23%25"),
        ];
        let end = prop::option::of((0..3_000_000_i64).prop_map(|before| UnixMillis(NOW.0 - before)));
        (page, 30..3600_u32, end, any::<bool>()).prop_map(|(href, window, end, is_wall)| {
            let mut address = address(href).with_range(Range { window, end });
            address.manner.is_wall = is_wall;
            address
        })
    }

    proptest! {
        #[test]
        fn a_permalink_shows_the_same_window_again_and_is_its_own_permalink(address in addresses()) {
            let permalink = frame(&address, WEEK_S).ranges.permalink;
            let there = read(&permalink).unwrap();
            prop_assert_eq!(summary(&there).window, summary(&address).window);
            prop_assert_eq!(&there, &address.with_range(there.query.range));
            prop_assert_eq!(frame(&there, WEEK_S).ranges.permalink, permalink);
        }

        #[test]
        fn the_form_as_it_stands_leads_to_the_same_page_over_the_same_window(address in addresses()) {
            let Ranges { inputs: [from, to, _], hidden, action, .. } = frame(&address, WEEK_S).ranges;
            let fields = hidden.into_iter().chain([("from".to_owned(), from), ("to".to_owned(), to)]);
            let sent = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            let there = read(&format!("{action}?{sent}")).unwrap();
            prop_assert_eq!(summary(&there).window, summary(&address).window);
            prop_assert_eq!(&there, &address.with_range(there.query.range));
        }
    }

    #[test]
    fn the_form_sends_neither_the_old_range_nor_the_page_of_a_list() {
        let address = address("/antennas?q=x&page=3&window=15m&end=2025-11-24T14:30:00Z&lang=es");
        let hidden = frame(&address, WEEK_S).ranges.hidden;
        assert_eq!(hidden, [("q".to_owned(), "x".to_owned()), ("lang".to_owned(), "es".to_owned())]);
    }

    #[test]
    fn the_form_begins_where_analytics_has_something() {
        let address = address("/");
        let mut scene = scene(&address);
        let oldest = |scene: &Scene<'_>| {
            let summary = summary(&address);
            Frame::new(scene, summary.as_of, &summary, false).ranges.inputs[2].clone()
        };
        assert_eq!(oldest(&scene), "", "it does not tell");
        scene.limits.oldest = Some(UnixMillis(NOW.0 - 3_600_000));
        assert_eq!(oldest(&scene), "2025-11-24T13:47:05");
    }

    #[test]
    fn all_that_is_kept_is_offered_as_long_as_it_is_by_now() {
        let kept = |minutes: i64, href: &str| {
            let address = address(href);
            let mut scene = scene(&address);
            scene.limits.oldest = Some(UnixMillis(NOW.0 - minutes * 60_000 - 12_000));
            let summary = summary(&address);
            Frame::new(&scene, summary.as_of, &summary, false).ranges.kept.unwrap()
        };
        let so_far = |words: &str, href: &str| (words.to_owned(), href.to_owned());
        assert_eq!(kept(59, "/?by=latency"), so_far("Up to 59 min so far", "/?by=latency&window=59m"));
        assert_eq!(kept(7, "/?lang=es&window=7d"), so_far("Hasta 7 min por ahora", "/?window=7m&lang=es"));
        assert_eq!(kept(61, "/antennas?page=2"), so_far("All 1 h that are kept", "/antennas?window=1h"));
        assert_eq!(frame(&address("/"), WEEK_S).ranges.kept, None);
    }

    #[test]
    fn every_page_has_a_form_of_its_own() {
        for (href, action) in [("/", "/"), ("/antennas?page=2", "/antennas"), ("/antenna?id=x", "/antenna")] {
            assert_eq!(frame(&address(href), WEEK_S).ranges.action, action);
        }
    }
}
