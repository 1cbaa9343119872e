//! Where every entry went: the equation of the contract's section 4, checked against what the broker reports.

use shared::api::Ledger;

use crate::ingest::log::{Epoch, StreamInfo};
use crate::ingest::stream_id::StreamId;
use crate::state::Meta;

/// No broker takes so many entries in a millisecond. A count that rose by more was set, not counted.
const ENTRIES_PER_MS: u64 = 10_000;

/// What the broker's count has to be corrected by.
///
/// The broker counts the entries ever added to a stream, but not which of those that are gone had been read, and it
/// starts from 0 when a stream is deleted and created again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Accounts {
    /// Entries that were gone before they were read; settled whenever everything present has been read.
    pub(super) trimmed_unread: u64,
    /// Entries that the broker had reported and no longer had when it went back.
    pub(super) lost_by_broker: u64,
    /// Entries of deleted streams under the same name.
    pub(super) entries_before: u64,
    /// The broker's count when it last reported one.
    pub(super) entries_seen: u64,
    /// The cursor when everything present had been read the last time.
    caught_up_at: StreamId,
    /// Entries that are missing in front of those present, not settled yet.
    missing: u64,
    /// The stream was deleted and created again since everything present had been read the last time.
    is_recreated: bool,
}

/// What the broker had told when it was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// In which term.
    pub(super) epoch: Epoch,
    /// Entries ever added, as the ledger has them.
    pub(super) entries: u64,
    /// The newest of them.
    pub(super) last_id: StreamId,
}

impl Seen {
    /// How many of the entries seen are in no stream any more, now that the committed state is `meta` and the stream
    /// `info`, of which `newer` entries lie behind the last one seen.
    pub(super) const fn lost(self, meta: &Meta, info: StreamInfo, newer: u64) -> u64 {
        let present = info.entries_added.saturating_sub(newer);
        let still_there = meta.entries_before.saturating_add(present).saturating_add(meta.ledger.lost_by_broker);
        self.entries.saturating_sub(still_there)
    }
}

impl Accounts {
    /// The accounts as they were committed, with the cursor at that time.
    pub(super) fn new(meta: &Meta, cursor: StreamId) -> Self {
        Self {
            trimmed_unread: meta.ledger.trimmed_unread,
            lost_by_broker: meta.ledger.lost_by_broker,
            entries_before: meta.entries_before,
            entries_seen: meta.entries_seen,
            caught_up_at: cursor,
            missing: 0,
            is_recreated: false,
        }
    }

    /// Position of the cursor in the present stream, as the broker counts: what ENTRIESREAD wants.
    pub(super) const fn entries_read(&self, processed: u64) -> u64 {
        processed.saturating_add(self.trimmed_unread).saturating_add(self.missing).saturating_sub(self.entries_before)
    }

    /// Completes a ledger, which has every entry up to `cursor` in one of its columns, with what the broker reports of
    /// the stream.
    pub(super) fn balance(&mut self, ledger: &mut Ledger, cursor: StreamId, info: StreamInfo) {
        if info.entries_added < self.entries_seen {
            self.is_recreated = true;
            self.entries_before = self.entries_before.saturating_add(self.entries_seen);
        }
        self.entries_seen = info.entries_added;
        let added = i128::from(self.entries_before) + i128::from(info.entries_added);
        // Whoever may write to the broker may set its count to anything.
        let rest = signed(added - i128::from(processed(ledger)) - i128::from(self.trimmed_unread));
        self.missing = 0;
        let mut imbalance = 0;
        let lag = if cursor >= info.last_id {
            imbalance = self.settle(rest, info);
            self.is_recreated = false;
            self.caught_up_at = cursor;
            Some(0)
        } else if info.first_id > cursor {
            // Nothing of what was read is still there, so what is there has not been read.
            let missing = rest.saturating_sub_unsigned(info.length);
            let is_explained = missing > 0 && missing.unsigned_abs() <= self.most_added(info);
            self.missing = if is_explained { missing.unsigned_abs() } else { 0 };
            imbalance = if is_explained { 0 } else { missing };
            Some(info.length)
        } else if info.max_deleted_id > cursor {
            // Entries ahead were deleted one by one; the broker does not report how many.
            None
        } else {
            // What is still to read is there.
            let lag = rest.max(0).unsigned_abs().min(info.length);
            imbalance = rest.saturating_sub_unsigned(lag);
            Some(lag)
        };
        let reported = self.entries_before.saturating_add(info.entries_added);
        ledger.entries_added = Some(reported.saturating_add(self.lost_by_broker));
        ledger.lost_by_broker = self.lost_by_broker;
        ledger.trimmed_unread = self.trimmed_unread.saturating_add(self.missing);
        ledger.imbalance = lag.map(|_| imbalance);
        ledger.lag = lag;
    }

    /// Everything present has been read: what is still missing from the equation was removed unread, if anything
    /// suggests that entries were removed; otherwise it is an error of ours, which must show.
    fn settle(&mut self, rest: i64, info: StreamInfo) -> i64 {
        let mark = self.caught_up_at;
        let was_removed = info.length == 0 || info.first_id > mark || info.max_deleted_id > mark || self.is_recreated;
        if rest > 0 && was_removed && rest.unsigned_abs() <= self.most_added(info) {
            self.trimmed_unread += rest.unsigned_abs();
            0
        } else if rest < 0 && self.is_recreated {
            // Entries that were added and read between the last look at the deleted stream and its end.
            self.entries_before += rest.unsigned_abs();
            0
        } else {
            rest
        }
    }

    /// The most entries that can have been added since everything present had been read the last time, by their ids.
    const fn most_added(&self, info: StreamInfo) -> u64 {
        let since_ms = info.last_id.millis.saturating_sub(self.caught_up_at.millis);
        since_ms.saturating_add(1).saturating_mul(ENTRIES_PER_MS)
    }
}

/// Entries that are in a column of the ledger because analytics put them there.
pub(super) fn processed(ledger: &Ledger) -> u64 {
    ledger.counted + ledger.duplicates + ledger.too_late + ledger.untracked + ledger.rejected.values().sum::<u64>()
}

fn signed(difference: i128) -> i64 {
    i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn id(millis: u64) -> StreamId {
        StreamId { millis, counter: 0 }
    }

    /// A ledger of so many counted entries, as the broker's report completes it.
    fn balanced(accounts: &mut Accounts, counted: u64, cursor: StreamId, info: StreamInfo) -> Ledger {
        let mut ledger = Ledger { counted, ..Ledger::default() };
        accounts.balance(&mut ledger, cursor, info);
        ledger
    }

    /// `XSETID antenna_stream ID ENTRIESADDED 9223372036854775807`, twice, and back again.
    #[test]
    fn a_count_that_was_set_is_an_imbalance_and_nothing_wraps() {
        const SET: u64 = (1 << 63) - 1;
        let mut accounts = Accounts::default();
        let mut info = StreamInfo {
            entries_added: 9,
            length: 9,
            first_id: id(NOW),
            last_id: id(NOW + 8),
            ..StreamInfo::default()
        };
        let ledger = balanced(&mut accounts, 9, id(NOW + 8), info);
        assert_eq!((ledger.imbalance, ledger.lag, ledger.trimmed_unread), (Some(0), Some(0), 0));
        for (entries_added, first_ms, length) in
            [(SET, NOW, 9), (SET, NOW + 10, 0), (9, NOW + 11, 1), (SET, NOW + 12, 1), (SET, NOW, 4)]
        {
            info = StreamInfo { entries_added, length, first_id: id(first_ms), ..info };
            for last_ms in [NOW + 8, NOW + 20] {
                info.last_id = id(last_ms);
                let ledger = balanced(&mut accounts, 9, id(NOW + 8), info);
                assert_eq!(ledger.trimmed_unread, 0, "{info:?}");
                assert!(ledger.imbalance.is_some_and(|it| it > i64::MAX / 2), "{info:?} {ledger:?}");
                assert!(ledger.lag.is_some_and(|lag| lag <= length), "{info:?} {ledger:?}");
            }
        }
    }

    /// What was removed unread still settles, as much of it as a broker can have taken.
    #[test]
    fn what_can_have_been_removed_is_trimmed_unread() {
        let mut accounts = Accounts::default();
        let info =
            StreamInfo { entries_added: 9, length: 9, first_id: id(NOW), last_id: id(NOW), ..StreamInfo::default() };
        balanced(&mut accounts, 9, id(NOW), info);
        let later = id(NOW + 1_000);
        let trimmed = StreamInfo { entries_added: 500_009, length: 1, first_id: later, last_id: later, ..info };
        let ledger = balanced(&mut accounts, 9, id(NOW), trimmed);
        assert_eq!((ledger.imbalance, ledger.lag, ledger.trimmed_unread), (Some(0), Some(1), 499_999));
        let ledger = balanced(&mut accounts, 10, later, trimmed);
        assert_eq!((ledger.imbalance, ledger.lag, ledger.trimmed_unread), (Some(0), Some(0), 499_999));
    }
}
