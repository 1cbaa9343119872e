//! A month of the calendar, in UTC.

use std::fmt;

use chrono::{DateTime, Datelike, Months, NaiveDate};
use shared::UnixMillis;

use super::Reason;

/// A month of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month(NaiveDate);

impl Month {
    /// The month that holds a time; `None` for a time beyond all calendars.
    pub(crate) fn of(at: UnixMillis) -> Option<Self> {
        DateTime::from_timestamp_millis(at.0)?.date_naive().with_day(1).map(Self)
    }

    /// As in addresses: `2026-10`.
    pub(super) fn parse(text: &str) -> Result<Self, Reason> {
        let is_form = text.len() == 7 && text.bytes().enumerate().all(|(at, byte)| byte.is_ascii_digit() == (at != 4));
        let first = NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d").ok().filter(|_| is_form);
        first.map(Self).filter(|month| month.start().0 >= 0).ok_or(Reason::Month)
    }

    /// Its first moment.
    pub(crate) fn start(self) -> UnixMillis {
        UnixMillis(self.0.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_millis())
    }

    /// The first moment after it.
    pub(crate) fn end(self) -> UnixMillis {
        self.later(1).start()
    }

    /// The month so many months later.
    pub(crate) fn later(self, months: u32) -> Self {
        Self(self.0.checked_add_months(Months::new(months)).unwrap_or(self.0))
    }

    /// The month so many months earlier.
    pub(crate) fn earlier(self, months: u32) -> Self {
        Self(self.0.checked_sub_months(Months::new(months)).unwrap_or(self.0))
    }

    /// From 0.
    pub(crate) fn position_in_year(self) -> usize {
        self.0.month0() as usize
    }

    /// Its year.
    pub(crate) fn year(self) -> i32 {
        self.0.year()
    }

    /// The weekday on which it begins, from 0 for Monday.
    pub(crate) fn first_weekday(self) -> usize {
        self.0.weekday().num_days_from_monday() as usize
    }
}

impl fmt::Display for Month {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.format("%Y-%m"))
    }
}
