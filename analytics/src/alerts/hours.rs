//! Times of day on days of the week: when a route is open, by the process's time zone (`TZ`), and when maintenance is, by its own.

use std::fmt;

use chrono::{DateTime, Datelike as _, Local, Timelike as _, Weekday};
use shared::UnixMillis;

const MINUTES_OF_DAY: u32 = 24 * 60;

/// From Monday on, as [`Weekday::num_days_from_monday`].
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Times of day, on some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hours {
    /// Minutes of the day, from the first on and before the second; the second may be on the next day.
    from: u32,
    until: u32,
    /// By [`Weekday::num_days_from_monday`].
    days: [bool; 7],
}

impl Hours {
    /// `HH:MM-HH:MM` on days like `mon` or `mon-fri`, each with its place, which is told beside what is wrong with it.
    ///
    /// # Errors
    /// The place and what is wrong there.
    pub fn new<P>(hours: Option<(&str, P)>, days: Option<Vec<(&str, P)>>) -> Result<Option<Self>, (P, String)> {
        if hours.is_none() && days.is_none() {
            return Ok(None);
        }
        let (from, until) = match hours {
            None => (0, MINUTES_OF_DAY),
            Some((text, at)) => {
                let parsed = text.split_once('-').and_then(|(from, until)| Some((minute(from)?, minute(until)?)));
                let why = || (at, "times of day like 08:00-18:00 are needed".to_owned());
                parsed.filter(|(from, until)| from != until && *from < MINUTES_OF_DAY).ok_or_else(why)?
            }
        };
        let mut open = [days.is_none(); 7];
        for (text, at) in days.unwrap_or_default() {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let day = |text: &str| text.parse::<Weekday>().map(|day| day.num_days_from_monday() as usize);
            let (Ok(first), Ok(last)) = (day(first), day(last)) else {
                return Err((at, "a day like mon, or days like mon-fri, are needed".to_owned()));
            };
            let count = (last + 7 - first) % 7;
            (0..=count).for_each(|step| open[(first + step) % 7] = true);
        }
        Ok(Some(Self { from, until, days: open }))
    }

    /// Whether a time is one of them.
    #[must_use]
    pub fn hold(&self, now: UnixMillis) -> bool {
        DateTime::from_timestamp_millis(now.0).is_some_and(|now| {
            let local = now.with_timezone(&Local);
            let minute = local.hour() * 60 + local.minute();
            let today = local.weekday().num_days_from_monday() as usize;
            self.hold_at(minute, today)
        })
    }

    /// Minutes of the day: the first one, and the one behind the last, which is on the next day where it is not the larger one.
    #[must_use]
    pub const fn minutes(&self) -> (u32, u32) {
        (self.from, self.until)
    }

    /// The days on which they begin, from Monday on.
    pub fn days(&self) -> impl Iterator<Item = &'static str> {
        DAYS.into_iter().zip(self.days).filter(|(_, is_on)| *is_on).map(|(day, _)| day)
    }

    /// Whether they begin on a day of the week.
    #[must_use]
    pub fn are_on(&self, day: Weekday) -> bool {
        self.days[day.num_days_from_monday() as usize]
    }

    /// What goes past midnight belongs to the day on which it began.
    fn hold_at(&self, minute: u32, today: usize) -> bool {
        if self.from < self.until {
            return self.days[today] && (self.from..self.until).contains(&minute);
        }
        (minute >= self.from && self.days[today]) || (minute < self.until && self.days[(today + 6) % 7])
    }
}

/// The times of day, as they are written.
impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = (self.from, self.until);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let is_number = |text: &str| text.len() == 2 && text.chars().all(|it| it.is_ascii_digit());
    let (hour, minute) = Some((hour, minute)).filter(|(hour, minute)| is_number(hour) && is_number(minute))?;
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= MINUTES_OF_DAY).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: &str, days: &[&str]) -> Result<Option<Hours>, (usize, String)> {
        Hours::new(Some((hours, 7)), (!days.is_empty()).then(|| days.iter().map(|day| (*day, 9)).collect()))
    }

    #[test]
    fn hours_hold_from_their_first_minute_up_to_their_last_also_past_midnight() {
        let day = hours("08:00-18:30", &["mon-fri"]).expect("hours").expect("some");
        for (minute, today, expected) in
            [(479, 0, false), (480, 0, true), (1_109, 4, true), (1_110, 4, false), (600, 5, false), (600, 6, false)]
        {
            assert_eq!(day.hold_at(minute, today), expected, "{minute} {today}");
        }
        let night = hours("22:00-06:00", &["fri", "sat"]).expect("hours").expect("some");
        for (minute, today, expected) in [
            (1_320, 4, true),
            (1_319, 4, false),
            (100, 5, true),
            (359, 6, true),
            (360, 6, false),
            (100, 4, false),
            (1_400, 6, false),
        ] {
            assert_eq!(night.hold_at(minute, today), expected, "{minute} {today}");
        }
        let all = hours("00:00-24:00", &[]).expect("hours").expect("some");
        assert!((0..MINUTES_OF_DAY).all(|minute| (0..7).all(|today| all.hold_at(minute, today))));
    }

    #[test]
    fn hours_are_written_as_they_are_read() {
        for (text, days, all) in [
            ("08:00-18:30", &["sat-mon"][..], &["mon", "sat", "sun"][..]),
            ("22:00-00:00", &["wed", "tue"], &["tue", "wed"]),
            ("00:00-24:00", &[], &DAYS),
        ] {
            let read = hours(text, days).expect("hours").expect("some");
            assert_eq!((read.to_string().as_str(), read.days().collect::<Vec<_>>().as_slice()), (text, all));
            assert_eq!(hours(text, all), Ok(Some(read)));
        }
    }

    #[test]
    fn what_is_no_time_of_day_is_told_with_its_place() {
        for bad in ["", "8-18", "08:00", "08:00-25:00", "08:60-09:00", "08:00-08:00", "+8:00-09:00"] {
            assert_eq!(hours(bad, &[]).expect_err(bad).0, 7, "{bad}");
        }
        assert_eq!(hours("08:00-09:00", &["mon", "someday"]).expect_err("no day").0, 9);
    }
}
