//! Entries that broke a rule, each reason in a rhythm of its own.

use std::collections::BTreeMap;

use shared::api::{RejectedExample, RejectedPage};
use shared::{Rejection, UnixMillis};

use super::Mock;
use super::pipeline::BEGINNING;
use super::window::Now;

/// Examples of each reason at most.
const EXAMPLES: i64 = 3;

/// An entry that comes again and again.
struct Entry {
    reason: Rejection,
    /// Seconds from one to the next.
    every: i64,
    /// `{time}` stands for the time of arrival in Unix seconds, `{later}` for an hour later.
    fields: &'static [(&'static str, &'static str)],
}

/// One for each reason.
const ENTRIES: [Entry; 9] = [
    Entry {
        reason: Rejection::MissingField,
        every: 97,
        fields: &[("antenna_id", "depot-12"), ("timestamp", "{time}"), ("packets", "160"), ("latency", "31.5")],
    },
    Entry {
        reason: Rejection::BadAntennaId,
        every: 1409,
        fields: &[
            ("antenna_id", "quarry\nERROR no such antenna"),
            ("timestamp", "{time}"),
            ("packets", "1"),
            ("loss", "0"),
        ],
    },
    Entry {
        reason: Rejection::BadTimestamp,
        every: 211,
        fields: &[
            ("antenna_id", "lakeside"),
            ("timestamp", "yesterday"),
            ("packets", "158"),
            ("loss", "2"),
            ("latency", "44"),
        ],
    },
    Entry {
        reason: Rejection::BadPackets,
        every: 613,
        fields: &[
            ("antenna_id", "<script>alert(\"antenna\")</script>"),
            ("timestamp", "{time}"),
            ("packets", "' OR 1=1 --"),
            ("loss", "0"),
            ("note", "\u{202e}txt.exe"),
        ],
    },
    Entry {
        reason: Rejection::BadLoss,
        every: 907,
        fields: &[
            ("antenna_id", "old-mill"),
            ("timestamp", "{time}"),
            ("packets", "171"),
            ("loss", "-1"),
            ("latency", "38.2"),
        ],
    },
    Entry {
        reason: Rejection::LossExceedsPackets,
        every: 331,
        fields: &[
            ("antenna_id", "ridge-7"),
            ("timestamp", "{time}"),
            ("packets", "12"),
            ("loss", "120"),
            ("latency", "29.9"),
        ],
    },
    Entry {
        reason: Rejection::BadLatency,
        every: 457,
        fields: &[
            ("antenna_id", "harbour-north"),
            ("timestamp", "{time}"),
            ("packets", "9"),
            ("loss", "9"),
            ("latency", "NaN"),
        ],
    },
    Entry {
        reason: Rejection::BadSeq,
        every: 4003,
        fields: &[
            ("antenna_id", "stadium"),
            ("timestamp", "{time}"),
            ("packets", "150"),
            ("loss", "1"),
            ("seq", "1.5e6"),
        ],
    },
    Entry {
        reason: Rejection::Future,
        every: 1801,
        fields: &[
            ("antenna_id", "tv-tower"),
            ("timestamp", "{later}"),
            ("packets", "166"),
            ("loss", "1"),
            ("latency", "27.4"),
        ],
    },
];

impl Mock {
    /// Rejected entries by reason, with the newest examples.
    #[must_use]
    pub fn rejected(&self, now: UnixMillis) -> RejectedPage {
        let second = Now::at(now).second;
        let mut newest: Vec<RejectedExample> = ENTRIES.iter().flat_map(|entry| entry.examples(second)).collect();
        newest.sort_by_key(|example| std::cmp::Reverse(example.arrived_at));
        RejectedPage { rejected: rejected_before(second), newest }
    }
}

/// Entries that were rejected before a second, by reason.
pub(super) fn rejected_before(second: i64) -> BTreeMap<Rejection, u64> {
    ENTRIES.iter().map(|entry| (entry.reason, entry.count(second).unsigned_abs())).collect()
}

impl Entry {
    /// How many came before a second. The first comes one rhythm after the beginning.
    fn count(&self, second: i64) -> i64 {
        ((second - 1 - BEGINNING) / self.every).max(0)
    }

    fn examples(&self, second: i64) -> impl Iterator<Item = RejectedExample> {
        let count = self.count(second);
        ((count - EXAMPLES).max(0)..count).map(|at| {
            let arrival = BEGINNING + (at + 1) * self.every;
            let fill = |text: &str| {
                text.replace("{time}", &arrival.to_string()).replace("{later}", &(arrival + 3600).to_string())
            };
            // Reasons whose rhythms meet arrive a little apart.
            let arrived_at = UnixMillis(arrival * 1000 + 100 + 50 * self.reason as i64);
            RejectedExample {
                source_id: format!("{}-0", arrived_at.0),
                arrived_at,
                reason: self.reason,
                fields: self.fields.iter().map(|(name, value)| ((*name).to_owned(), fill(value))).collect(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use shared::codec::Fields;

    use super::super::tests::NOON;
    use super::*;

    #[test]
    fn every_example_breaks_the_rule_that_it_is_said_to_break() {
        let RejectedPage { newest, .. } = Mock::default().rejected(NOON);
        assert!(Rejection::ALL.iter().all(|reason| newest.iter().any(|example| example.reason == *reason)));
        for RejectedExample { reason, fields, arrived_at, .. } in newest {
            let fields: Fields<'_> = fields.iter().map(|(name, value)| (name, value)).collect();
            match fields.decode() {
                Ok(reading) => assert!(reading.timestamp_ms > arrived_at.0 + 60_000 && reason == Rejection::Future),
                Err(why) => assert_eq!(why, reason),
            }
        }
    }

    #[test]
    fn the_newest_comes_first_and_what_is_counted_has_come() {
        for now in super::super::tests::later(100, 13) {
            let RejectedPage { newest, rejected } = Mock::default().rejected(now);
            assert!(newest.is_sorted_by(|a, b| a.arrived_at > b.arrived_at) && newest[0].arrived_at < now);
            let before = Mock::default().rejected(UnixMillis(newest[0].arrived_at.0 - 500)).rejected;
            assert!(before[&newest[0].reason] + 1 == rejected[&newest[0].reason], "at {now}");
        }
    }
}
