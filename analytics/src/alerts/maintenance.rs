//! Maintenance: the time during which nobody is told of some antennas.
//!
//! A window that recurs goes by the clocks of a time zone. It begins when they first show its beginning or a later time of that day,
//! and is over when they last showed a time before its end. So where clocks are put forward over its beginning, it begins with that; where they are
//! put back within it, it lasts the hour longer, without a break; and one that lies in the hour that is skipped does not take place.

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use shared::UnixMillis;
use shared::api::MaintenanceTimes;
use shared::glob::Glob;

use super::hours::Hours;

/// There are no more windows of a file, nor of what people say.
pub const MAINTENANCE_MAX: usize = 256;

/// Clocks are put forward or back by a day at most, and are a day from UTC at most.
const AROUND: TimeDelta = TimeDelta::hours(52);

/// A day of the week comes again within so many days, also where its next one is skipped or has no such hour.
const LOOKED_AHEAD_DAYS: u64 = 15;

/// A time during which nobody is told of some antennas.
#[derive(Debug, Clone, PartialEq)]
pub struct Maintenance {
    /// Its name.
    pub name: String,
    /// Of which antennas, or rules of the network; of all where there are none.
    pub antennas: Vec<Glob>,
    /// When.
    pub when: When,
}

/// When a window is.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// Once.
    Once(Span),
    /// At hours of days, by the clocks of a time zone.
    Recurring(Hours, Tz),
}

/// A window as it is written, in a file or by somebody who says it: each part with its place, which is told beside what is wrong with it.
#[derive(Debug, Clone)]
pub struct Written<'a, P> {
    /// Patterns of antennas; none where it is of all.
    pub antennas: Vec<(&'a str, P)>,
    /// The first moment, where it is once.
    pub start: Option<(UnixMillis, P)>,
    /// The first moment behind it, where it is once.
    pub end: Option<(UnixMillis, P)>,
    /// As [`Hours::new`] reads them, where it recurs.
    pub hours: Option<(&'a str, P)>,
    /// As [`Hours::new`] reads them, where it recurs.
    pub days: Option<Vec<(&'a str, P)>>,
    /// IANA's name of the time zone, where it recurs.
    pub time_zone: Option<(&'a str, P)>,
}

/// A time from its first moment on and before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first moment.
    pub start: UnixMillis,
    /// The first moment behind it.
    pub end: UnixMillis,
}

impl Span {
    /// Whether a moment is in it.
    #[must_use]
    pub fn holds(&self, at: UnixMillis) -> bool {
        self.start <= at && at < self.end
    }
}

impl Maintenance {
    /// A window as it is written.
    ///
    /// # Errors
    /// What is wrong, and the place where it is known better than by the window.
    pub fn new<P>(name: String, written: Written<'_, P>) -> Result<Self, (Option<P>, String)> {
        let Written { antennas, start, end, hours, days, time_zone } = written;
        let glob = |(text, at): (&str, P)| Glob::new(text).map_err(|why| (Some(at), why));
        let antennas = antennas.into_iter().map(glob).collect::<Result<_, _>>()?;
        let hours = Hours::new(hours, days).map_err(|(at, why)| (Some(at), why))?;
        let when = match (start, end, hours, time_zone) {
            (Some((start, _)), Some((end, _)), None, None) if start < end => When::Once(Span { start, end }),
            (Some(_), Some((_, at)), None, None) => {
                return Err((Some(at), "end has to be later than start".to_owned()));
            }
            (None, None, Some(hours), Some((zone, at))) => {
                let why = "a time zone like Europe/Madrid is needed";
                When::Recurring(hours, zone.parse().map_err(|_| (Some(at), why.to_owned()))?)
            }
            _ => return Err((None, "start and end are needed, or time_zone with hours, days or both".to_owned())),
        };
        Ok(Self { name, antennas, when })
    }

    /// A window that somebody says, of one pattern of antennas.
    ///
    /// # Errors
    /// What is wrong, and the field where it is that of one.
    pub fn said(antennas: &str, when: &MaintenanceTimes, reason: &str) -> Result<Self, (Option<&'static str>, String)> {
        let MaintenanceTimes { start, end, hours, days, time_zone } = when;
        let written = Written {
            antennas: vec![(antennas, "antennas")],
            start: start.map(|at| (at, "start")),
            end: end.map(|at| (at, "end")),
            hours: hours.as_deref().map(|hours| (hours, "hours")),
            days: days.as_ref().map(|days| days.iter().map(|day| (day.as_str(), "days")).collect()),
            time_zone: time_zone.as_deref().map(|zone| (zone, "time_zone")),
        };
        Self::new(reason.to_owned(), written)
    }

    /// When it is, in general.
    #[must_use]
    pub fn times(&self) -> MaintenanceTimes {
        match &self.when {
            When::Once(Span { start, end }) => {
                MaintenanceTimes { start: Some(*start), end: Some(*end), ..MaintenanceTimes::default() }
            }
            When::Recurring(hours, zone) => MaintenanceTimes {
                hours: Some(hours.to_string()),
                days: Some(hours.days().map(str::to_owned).collect()),
                time_zone: Some(zone.name().to_owned()),
                ..MaintenanceTimes::default()
            },
        }
    }

    /// Whether it is of an antenna, or a rule of the network.
    #[must_use]
    pub fn is_of(&self, subject: &str) -> bool {
        self.antennas.is_empty() || self.antennas.iter().any(|glob| glob.matches(subject))
    }

    /// The window that a moment is in.
    #[must_use]
    pub fn at(&self, now: UnixMillis) -> Option<Span> {
        match &self.when {
            When::Once(span) => Some(*span).filter(|span| span.holds(now)),
            When::Recurring(hours, zone) => {
                // One of yesterday may go past midnight, and a midnight may come twice.
                let first = date(*zone, now)?.checked_sub_days(Days::new(2))?;
                let spans = first.iter_days().take(4).filter_map(|date| span_of(hours, *zone, date));
                spans.filter(|span| span.holds(now)).max_by_key(|span| span.end)
            }
        }
    }

    /// The next window that begins behind a moment; `None` where there is none any more.
    #[must_use]
    pub fn next(&self, now: UnixMillis) -> Option<Span> {
        match &self.when {
            When::Once(span) => Some(*span).filter(|span| span.start > now),
            When::Recurring(hours, zone) => {
                let days = usize::try_from(LOOKED_AHEAD_DAYS).unwrap_or_default() + 1;
                let first = date(*zone, now)?.checked_sub_days(Days::new(1))?;
                let mut spans = first.iter_days().take(days).filter_map(|date| span_of(hours, *zone, date));
                spans.find(|span| span.start > now)
            }
        }
    }
}

/// The day that the clocks of a time zone show.
fn date(zone: Tz, now: UnixMillis) -> Option<NaiveDate> {
    Some(DateTime::from_timestamp_millis(now.0)?.with_timezone(&zone).date_naive())
}

/// The window that begins on a day, where one does and takes any time.
fn span_of(hours: &Hours, zone: Tz, date: NaiveDate) -> Option<Span> {
    if !hours.are_on(date.weekday()) {
        return None;
    }
    let (from, until) = hours.minutes();
    let at = |minute: u32| Some(date.and_hms_opt(0, 0, 0)? + TimeDelta::minutes(i64::from(minute)));
    let until = if until > from { until } else { until + 24 * 60 };
    let start = first_showing(zone, at(from)?);
    let end = last_before(zone, at(until)?);
    (start < end).then(|| Span { start: UnixMillis(start.timestamp_millis()), end: UnixMillis(end.timestamp_millis()) })
}

/// When clocks first show a time or a later one.
fn first_showing(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&local).earliest() {
        Some(at) => at.to_utc(),
        None => jump(zone, local),
    }
}

/// From when on clocks show no time before one any more.
fn last_before(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let found = zone.from_local_datetime(&local);
    let (Some(first), Some(last)) = (found.earliest(), found.latest()) else { return jump(zone, local) };
    // Where clocks are put back to this very time, those before it were not shown again.
    let before = last.to_utc() - TimeDelta::milliseconds(1);
    let is_shown = before.with_timezone(&zone).naive_local() < local;
    (if is_shown { last } else { first }).to_utc()
}

/// When clocks were put forward over a time that they never show.
fn jump(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    let shows = |at_ms: i64| {
        let at = DateTime::from_timestamp_millis(at_ms).unwrap_or_default().naive_utc();
        at + TimeDelta::seconds(i64::from(zone.offset_from_utc_datetime(&at).fix().local_minus_utc())) >= local
    };
    let (mut before, mut behind) =
        ((local - AROUND).and_utc().timestamp_millis(), (local + AROUND).and_utc().timestamp_millis());
    while behind - before > 1 {
        let middle = before + (behind - before) / 2;
        if shows(middle) { behind = middle } else { before = middle }
    }
    DateTime::from_timestamp_millis(behind).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono_tz::TZ_VARIANTS;
    use proptest::prelude::*;

    use super::*;
    use crate::alerts::file::Alerting;

    const MINUTE_MS: i64 = 60_000;

    fn hours(from: u32, until: u32, days: &[&str]) -> Hours {
        let text = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
        let hours = format!("{}-{}", text(from), text(until));
        Hours::new(Some((&hours, 0)), Some(days.iter().map(|day| (*day, 0)).collect())).expect("hours").expect("some")
    }

    fn recurring(hours: Hours, zone: Tz) -> Maintenance {
        Maintenance { name: "it".to_owned(), antennas: Vec::new(), when: When::Recurring(hours, zone) }
    }

    fn local(zone: Tz, at_ms: i64) -> NaiveDateTime {
        DateTime::from_timestamp_millis(at_ms).expect("a time").with_timezone(&zone).naive_local()
    }

    /// The definition, minute by minute: what clocks show is all that is looked at. Tells of each minute from `start` on in windows of which
    /// days it is.
    fn by_minutes(from: u32, until: u32, days: &[bool; 7], zone: Tz, start_ms: i64, minutes: usize) -> Vec<bool> {
        let shown: Vec<NaiveDateTime> =
            (0_i64..).take(minutes).map(|minute| local(zone, start_ms + minute * MINUTE_MS)).collect();
        let mut first = shown.iter().min().expect("a minute").date();
        let last = shown.iter().max().expect("a minute").date();
        let mut is_in = vec![false; minutes];
        // What began before the first minute is not seen to begin.
        first = first.succ_opt().expect("a day");
        while first < last {
            let midnight = first.and_hms_opt(0, 0, 0).expect("midnight");
            let begin = midnight + TimeDelta::minutes(i64::from(from));
            let end = midnight + TimeDelta::minutes(i64::from(if until > from { until } else { until + 1_440 }));
            if days[first.weekday().num_days_from_monday() as usize] {
                let begins = shown.iter().position(|it| *it >= begin);
                let ends = shown.iter().rposition(|it| *it < end);
                if let (Some(begins), Some(ends)) = (begins, ends) {
                    is_in.iter_mut().take(ends + 1).skip(begins).for_each(|it| *it = true);
                }
            }
            first = first.succ_opt().expect("a day");
        }
        is_in
    }

    /// Moments at which the clocks of a zone are put forward or back between two years.
    fn changes(zone: Tz, years: std::ops::Range<i32>) -> Vec<i64> {
        let at =
            |year: i32| NaiveDate::from_ymd_opt(year, 1, 1).expect("a day").and_hms_opt(0, 0, 0).expect("midnight");
        let (mut at_ms, end_ms) =
            (at(years.start).and_utc().timestamp_millis(), at(years.end).and_utc().timestamp_millis());
        let offset = |at_ms: i64| {
            let at = DateTime::from_timestamp_millis(at_ms).expect("a time").naive_utc();
            zone.offset_from_utc_datetime(&at).fix().local_minus_utc()
        };
        let mut found = Vec::new();
        while at_ms < end_ms {
            let next_ms = at_ms + 86_400_000;
            if offset(at_ms) != offset(next_ms) {
                let (mut before, mut behind) = (at_ms, next_ms);
                while behind - before > MINUTE_MS {
                    let middle = before + (behind - before) / 2 / MINUTE_MS * MINUTE_MS;
                    if offset(middle) == offset(at_ms) { before = middle } else { behind = middle }
                }
                found.push(behind);
            }
            at_ms = next_ms;
        }
        found
    }

    /// Compares a window with its definition for some days around a moment.
    fn compare(from: u32, until: u32, days: [bool; 7], zone: Tz, around_ms: i64) -> Result<(), TestCaseError> {
        const DAYS_AROUND: i64 = 6;
        let start_ms = around_ms.div_euclid(MINUTE_MS) * MINUTE_MS - DAYS_AROUND * 86_400_000;
        let minutes = usize::try_from(DAYS_AROUND * 2 * 1_440).expect("few");
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let named: Vec<&str> = names.iter().zip(days).filter(|(_, is_on)| *is_on).map(|(name, _)| *name).collect();
        let window = recurring(hours(from, until, &named), zone);
        let expected = by_minutes(from, until, &days, zone, start_ms, minutes);
        let at = |minute: usize| UnixMillis(start_ms + i64::try_from(minute).expect("few") * MINUTE_MS);
        // What reaches in from outside is not known to the definition.
        let mut minute = 4 * 1_440;
        while minute < minutes - 4 * 1_440 {
            let now = at(minute);
            let found = window.at(now);
            prop_assert_eq!(found.is_some(), expected[minute], "{} {}", zone, local(zone, now.0));
            prop_assert!(found.is_none_or(|span| span.holds(now) && span.start < span.end));
            if let Some(next) = window.next(now).filter(|next| next.start < at(minutes - 4 * 1_440)) {
                prop_assert!(next.start > now && window.at(next.start).is_some_and(|span| span.end >= next.end));
                if found.is_none() {
                    let first = (minute..minutes).find(|minute| expected[*minute]).map(at);
                    prop_assert_eq!(Some(next.start), first, "{} {}", zone, local(zone, now.0));
                }
            }
            // Every minute near the change and near borders would take long: strides that meet all minutes of an hour.
            minute += 7;
        }
        Ok(())
    }

    fn days() -> impl Strategy<Value = [bool; 7]> {
        any::<[bool; 7]>().prop_filter("a day", |days| days.contains(&true))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

        /// Any zone, around a moment at which its clocks are changed, by windows that begin and end anywhere.
        #[test]
        fn a_window_is_what_clocks_show_where_they_are_changed(
            zone in 0..TZ_VARIANTS.len(), change in any::<prop::sample::Index>(), from in 0..1_440_u32, until in 1..=1_440_u32,
            near in prop::option::of(0..240_u32), days in days(),
        ) {
            let zone = TZ_VARIANTS[zone];
            let changes = changes(zone, 1975..2037);
            let around_ms = if changes.is_empty() { 1_709_164_800_000 } else { *change.get(&changes) };
            // Half of the windows begin near the hour that is skipped or comes twice.
            let clock = local(zone, around_ms).time();
            let minute = u32::try_from(clock.signed_duration_since(chrono::NaiveTime::MIN).num_minutes()).expect("few");
            let from = near.map_or(from, |near| (minute + 1_440 + near - 180) % 1_440);
            prop_assume!(from != until);
            compare(from, until, days, zone, around_ms)?;
        }

        /// Any zone, any time, leap days among them.
        #[test]
        fn a_window_is_what_clocks_show_at_any_time(
            zone in 0..TZ_VARIANTS.len(), year in 1975..2090_i32, day in 1..=366_u32, is_leap_day in any::<bool>(),
            from in 0..1_440_u32, until in 1..=1_440_u32, days in days(),
        ) {
            prop_assume!(from != until);
            let leap_day = NaiveDate::from_ymd_opt(year - year % 4, 2, 29);
            let date = leap_day.filter(|_| is_leap_day).or_else(|| NaiveDate::from_yo_opt(year, day.min(365)));
            let around = date.expect("a day").and_hms_opt(12, 0, 0).expect("noon").and_utc();
            compare(from, until, days, TZ_VARIANTS[zone], around.timestamp_millis())?;
        }
    }

    proptest! {
        /// What a file says and what somebody says is one, right or wrong.
        #[test]
        fn a_window_is_the_same_in_a_file_and_where_somebody_says_it(
            antennas in "[a-c*?\\[]{1,4}", start in prop::option::of(0..3_i64), end in prop::option::of(0..3_i64),
            hours in prop::option::of("[012][0-9]:[0-6]0-[012][0-9]:00"),
            days in prop::option::of(prop::collection::vec("(mon|thu|sun|on)(-tue)?", 1..4)),
            zone in prop::option::of(0..=TZ_VARIANTS.len()),
        ) {
            let at = |hour: i64| UnixMillis(1_709_164_800_000 + hour * 3_600_000);
            let zone = zone.map(|zone| TZ_VARIANTS.get(zone).map_or("Europe/Atlantis", |zone| zone.name()).to_owned());
            let (start, end) = (start.map(at), end.map(at));
            let when = MaintenanceTimes { start, end, hours, days, time_zone: zone };
            let text = |name: &str, value: Option<String>| value.map(|value| format!("{name} = {value}\n")).unwrap_or_default();
            let quoted = |it: &String| format!("{it:?}");
            let file = [
                "[[maintenance]]\nname = \"works\"\n".to_owned(),
                text("antennas", Some(format!("[{antennas:?}]"))),
                text("start", when.start.map(|it| it.to_string())),
                text("end", when.end.map(|it| it.to_string())),
                text("hours", when.hours.as_ref().map(quoted)),
                text("days", when.days.as_ref().map(|days| format!("{days:?}"))),
                text("time_zone", when.time_zone.as_ref().map(quoted)),
            ];
            let file = file.concat();
            let said = Maintenance::said(&antennas, &when, "works");
            match (Alerting::parse(&file), &said) {
                (Ok(alerting), Ok(said)) => {
                    prop_assert_eq!(&alerting.maintenance, std::slice::from_ref(said));
                    // Said as it is told, it is the same again.
                    let again = Maintenance::said(&antennas, &said.times(), "works");
                    prop_assert_eq!(again.as_ref(), Ok(said));
                }
                (Err(fault), Err((field, why))) => {
                    prop_assert!(fault.why.contains(why), "{} {}", fault.why, why);
                    let line = fault.place.and_then(|place| usize::try_from(place.line).ok());
                    let of_field = field.and_then(|field| file.lines().position(|line| line.starts_with(field)));
                    prop_assert_eq!(line, Some(of_field.unwrap_or_default() + 1), "{} {:?}", file, fault);
                }
                (file, said) => prop_assert!(false, "{:?} {:?}", file.map(|it| it.maintenance), said),
            }
        }
    }

    /// Every time zone that there is: the hours around each change of three years, which hold changes of any kind.
    #[test]
    fn no_time_zone_has_a_change_that_windows_do_not_follow() {
        for zone in TZ_VARIANTS {
            let changes = changes(zone, 2024..2026);
            let around_ms = changes.first().copied().unwrap_or(1_709_164_800_000);
            let clock = local(zone, around_ms).time();
            let minute = u32::try_from(clock.signed_duration_since(chrono::NaiveTime::MIN).num_minutes()).expect("few");
            let from = (minute + 1_440 - 30) % 1_440;
            let compared = compare(from, (from + 45) % 1_440 + 1, [true; 7], zone, around_ms);
            assert!(compared.is_ok(), "{zone}: {compared:?}");
        }
    }

    fn time(text: &str) -> UnixMillis {
        UnixMillis(DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis())
    }

    #[test]
    fn skipped_and_repeated_hours_are_as_the_contract_says() {
        let span = |start: &str, end: &str| Some(Span { start: time(start), end: time(end) });
        let madrid = |from, until| recurring(hours(from, until, &["sun"]), chrono_tz::Europe::Madrid);
        // On 2026-03-29 clocks go from 02:00 to 03:00, and on 2026-10-25 from 03:00 back to 02:00.
        let spring = time("2026-03-28T12:00:00Z");
        assert_eq!(madrid(150, 240).next(spring), span("2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"));
        assert_eq!(madrid(90, 150).next(spring), span("2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"));
        // One within the skipped hour is next a week later.
        assert_eq!(madrid(130, 170).next(spring), span("2026-04-05T00:10:00Z", "2026-04-05T00:50:00Z"));
        let autumn = time("2026-10-24T12:00:00Z");
        assert_eq!(madrid(90, 210).next(autumn), span("2026-10-24T23:30:00Z", "2026-10-25T02:30:00Z"));
        assert_eq!(madrid(150, 170).next(autumn), span("2026-10-25T00:30:00Z", "2026-10-25T01:50:00Z"));
        assert_eq!(madrid(60, 120).next(autumn), span("2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z"));
        assert_eq!(madrid(180, 240).next(autumn), span("2026-10-25T02:00:00Z", "2026-10-25T03:00:00Z"));
        // Samoa had no Friday 2011-12-30.
        let apia = recurring(hours(600, 660, &["fri"]), chrono_tz::Pacific::Apia);
        assert_eq!(apia.next(time("2011-12-28T00:00:00Z")), span("2012-01-05T20:00:00Z", "2012-01-05T21:00:00Z"));
        // A leap day is a Thursday as others are.
        let leap = recurring(hours(1_320, 120, &["thu"]), chrono_tz::America::Santiago);
        assert_eq!(leap.at(time("2024-03-01T04:59:59Z")), span("2024-03-01T01:00:00Z", "2024-03-01T05:00:00Z"));
        assert_eq!(leap.at(time("2024-03-01T05:00:00Z")), None);
    }
}
