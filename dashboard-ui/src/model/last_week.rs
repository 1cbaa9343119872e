//! The same time last week: what there is of it, step by step, or why there is nothing.

use shared::UnixMillis;
use shared::api::{Measures, Point, Series};

use super::{Level, Moment, Note, Part, Scene};
use crate::figures::Figures;
use crate::language::Language;
use crate::query::{Comparison, week_before};

/// The steps of a series a week before.
pub(super) struct LastWeek<'a> {
    /// One for each step of the series; `None` where nothing was measured or read.
    points: Vec<Option<&'a Point>>,
    /// The length of a step, if it is longer than that of the series: what lies in files has no shorter ones.
    pub(super) longer_step_seconds: Option<f64>,
}

/// Why there is nothing to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// It is from before what analytics keeps, which begins here; `None` if that is not known.
    NotKept(Option<UnixMillis>),
    /// It is in files that could not be read.
    Unread,
    /// No reading was taken.
    Silent,
}

impl<'a> LastWeek<'a> {
    /// `None` if the page is compared with something else.
    pub(super) fn of(series: &Series, last_week: Option<&'a Series>, scene: &Scene<'_>) -> Option<Self> {
        if scene.address.query.comparison != Comparison::Week {
            return None;
        }
        let at = |point: &Point| last_week.and_then(|last_week| step_at(last_week, week_before(point.start)));
        let longer = last_week.map(|last_week| last_week.step_seconds).filter(|step| *step > series.step_seconds);
        Some(Self { points: series.points.iter().map(at).collect(), longer_step_seconds: longer })
    }

    /// Whether nothing is known of any step.
    pub(super) fn is_empty(&self) -> bool {
        self.points.iter().all(Option::is_none)
    }

    /// A value of each step.
    pub(super) fn values(&self, value: impl Fn(&Measures) -> Option<f64>) -> Vec<Option<f64>> {
        self.points.iter().map(|point| point.and_then(|point| value(&point.measures))).collect()
    }
}

/// The step that holds a time, if something was measured in it.
fn step_at(series: &Series, at: UnixMillis) -> Option<&Point> {
    let step_ms = ((series.step_seconds * 1000.0) as i64).max(1);
    let step = usize::try_from((at.0 - series.window.start.0).div_euclid(step_ms)).ok()?;
    series.points.get(step).filter(|point| point.measures.readings > 0)
}

/// That there is nothing to compare with and why, if so.
pub(super) fn note(figures: &Figures, scene: &Scene<'_>) -> Option<Note> {
    let (series, last_week) = match figures {
        Figures::Overview(figures) => (&figures.series, figures.last_week.as_ref()),
        Figures::Antenna(figures) => (&figures.series, figures.last_week.as_ref()),
        _ => return None,
    };
    LastWeek::of(series, last_week, scene).filter(LastWeek::is_empty)?;
    let words = sentence(absence(series, last_week, scene), matches!(figures, Figures::Antenna(_)), scene);
    Some(Note { level: Level::Unknown, words })
}

fn absence(series: &Series, last_week: Option<&Series>, scene: &Scene<'_>) -> Absence {
    let known_from = scene.limits.known_from();
    match last_week {
        None => Absence::NotKept(known_from),
        Some(last_week) if !last_week.gaps.is_empty() => Absence::Unread,
        Some(_) => match known_from {
            Some(from) if from < week_before(series.window.end) => Absence::Silent,
            from => Absence::NotKept(from),
        },
    }
}

fn sentence(absence: Absence, is_of_antenna: bool, scene: &Scene<'_>) -> Vec<Part> {
    let language = scene.language();
    let text = |english, spanish| vec![Part::text(language.text(english, spanish))];
    match absence {
        Absence::NotKept(None) => text(
            "Nothing to compare with: the same time last week is not kept.",
            "Nada con que comparar: no se guarda nada de hace una semana.",
        ),
        Absence::NotKept(Some(from)) => {
            let from = Moment::near(from, scene.now, language);
            let lead = match language {
                Language::English => from.led_by(
                    "Nothing to compare with: the same time last week is not kept. History begins at ",
                    "Nothing to compare with: the same time last week is not kept. History begins on ",
                ),
                Language::Spanish => from.led_by(
                    "Nada con que comparar: no se guarda nada de hace una semana. El historial empieza a las ",
                    "Nada con que comparar: no se guarda nada de hace una semana. El historial empieza el ",
                ),
            };
            vec![lead, Part::Time(from), Part::text(" "), Part::Zone, Part::text(".")]
        }
        Absence::Unread => text(
            "Nothing to compare with: the same time last week could not be read.",
            "Nada con que comparar: no se pudo leer lo de hace una semana.",
        ),
        Absence::Silent if is_of_antenna => text(
            "Nothing to compare with: this antenna reported nothing at the same time last week.",
            "Nada con que comparar: esta antena no informó de nada a la misma hora hace una semana.",
        ),
        Absence::Silent => text(
            "Nothing to compare with: no antenna reported at the same time last week.",
            "Nada con que comparar: ninguna antena informó a la misma hora hace una semana.",
        ),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use shared::api::{Gap, HistoryLimits};

    use super::*;
    use crate::model::tests::{NOW, address, address_in, antenna, overview, said, scene};

    const WEEK_MS: i64 = 604_800_000;

    /// The same series a week before.
    pub(crate) fn week_earlier(series: &Series) -> Series {
        let mut earlier = series.clone();
        earlier.window.start.0 -= WEEK_MS;
        earlier.window.end.0 -= WEEK_MS;
        earlier.points.iter_mut().for_each(|point| point.start.0 -= WEEK_MS);
        earlier
    }

    fn readings(series: &Series, last_week: Option<&Series>) -> Vec<Option<f64>> {
        let address = address("/?compare=week");
        let last_week = LastWeek::of(series, last_week, &scene(&address)).unwrap();
        last_week.values(|measures| Some(measures.readings as f64))
    }

    #[test]
    fn each_step_has_the_one_of_a_week_before_and_what_is_not_known_is_not_zero() {
        let series = overview().series;
        let mut last_week = week_earlier(&series);
        for (step, point) in last_week.points.iter_mut().enumerate() {
            point.measures.readings = step as u64;
        }
        let expected: Vec<Option<f64>> = (0..60).map(|step| Some(f64::from(step)).filter(|it| *it > 0.0)).collect();
        assert_eq!(readings(&series, Some(&last_week)), expected);
        assert_eq!(readings(&series, None), vec![None; 60]);
        // What is a week and a step earlier is not a week earlier.
        last_week.window.start.0 -= 5000;
        assert_eq!(readings(&series, Some(&last_week))[..3], [Some(1.0), Some(2.0), Some(3.0)]);
    }

    #[test]
    fn steps_of_whole_minutes_are_those_that_hold_the_shorter_ones() {
        let series = overview().series;
        let mut last_week = week_earlier(&series);
        // From 14:42:00 on, while the page begins at 14:42:05.
        last_week.window.start.0 -= 5000;
        last_week.step_seconds = 60.0;
        last_week.points.truncate(6);
        for (minute, point) in last_week.points.iter_mut().enumerate() {
            point.start = UnixMillis(last_week.window.start.0 + minute as i64 * 60_000);
            point.measures.readings = 100 + minute as u64;
        }
        let values = readings(&series, Some(&last_week));
        let expected = |step: usize| Some((100 + (step + 1) / 12) as f64);
        assert_eq!(values, (0..60).map(expected).collect::<Vec<_>>());
        let address = address("/?compare=week");
        let longer = LastWeek::of(&series, Some(&last_week), &scene(&address)).unwrap().longer_step_seconds;
        assert_eq!(longer, Some(60.0));
    }

    #[test]
    fn why_there_is_nothing_to_compare_with_is_one_sentence_and_only_there() {
        let (mut network, mut one) = (overview(), antenna("airport-west"));
        let mut told = |href: &str, language, last_week: Option<Series>, oldest_hours: Option<i64>| {
            let address = address_in(language, href);
            let mut scene = scene(&address);
            let oldest = oldest_hours.map(|hours| UnixMillis(NOW.0 - hours * 3_600_000));
            scene.limits.history = Some(HistoryLimits { oldest, until: oldest, step_seconds: 60.0 });
            (network.last_week, one.last_week) = (last_week.clone(), last_week);
            let figures = match href.starts_with("/antenna") {
                true => Figures::Antenna(Box::new(one.clone())),
                false => Figures::Overview(Box::new(network.clone())),
            };
            note(&figures, &scene).map(|note| said(&note.words))
        };
        let full = week_earlier(&overview().series);
        let mut empty = full.clone();
        empty.points.iter_mut().for_each(|point| point.measures = Measures::default());
        let mut unread = empty.clone();
        unread.gaps = vec![Gap { start: full.window.start, end: full.window.end, reason: "missing".to_owned() }];
        let (english, spanish) = (Language::English, Language::Spanish);
        let (week, antenna) = ("/?compare=week", "/antenna?id=airport-west&compare=week");
        assert_eq!(told(week, english, Some(full), Some(200)), None);
        assert_eq!(told("/", english, None, Some(200)), None);
        let nothing = "Nothing to compare with: ";
        for (href, language, last_week, oldest_hours, words) in [
            (week, english, None, None, "the same time last week is not kept."),
            (
                week,
                english,
                Some(&empty),
                Some(50),
                "the same time last week is not kept. History begins on 22 Nov 12:47 UTC.",
            ),
            (antenna, english, None, Some(2), "the same time last week is not kept. History begins at 12:47:05 UTC."),
            (week, english, Some(&unread), Some(200), "the same time last week could not be read."),
            (week, english, Some(&empty), Some(200), "no antenna reported at the same time last week."),
            (antenna, english, Some(&empty), Some(200), "this antenna reported nothing at the same time last week."),
            (
                week,
                spanish,
                Some(&empty),
                Some(50),
                "no se guarda nada de hace una semana. El historial empieza el 22 nov 12:47 UTC.",
            ),
            (antenna, spanish, Some(&unread), Some(200), "no se pudo leer lo de hace una semana."),
        ] {
            let lead = if language == english { nothing } else { "Nada con que comparar: " };
            assert_eq!(told(href, language, last_week.cloned(), oldest_hours), Some(format!("{lead}{words}")));
        }
    }
}
