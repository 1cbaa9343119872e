//! Where every entry went: the equation of the contract's section 4, checked against what the broker reports.

use shared::api::Ledger;

use crate::ingest::log::{Epoch, StreamInfo};
use crate::ingest::stream_id::StreamId;
use crate::state::Meta;

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
        let still_there = meta.entries_before + info.entries_added.saturating_sub(newer) + meta.ledger.lost_by_broker;
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
        (processed + self.trimmed_unread + self.missing).saturating_sub(self.entries_before)
    }

    /// Completes a ledger, which has every entry up to `cursor` in one of its columns, with what the broker reports of
    /// the stream.
    pub(super) fn balance(&mut self, ledger: &mut Ledger, cursor: StreamId, info: StreamInfo) {
        if info.entries_added < self.entries_seen {
            self.is_recreated = true;
            self.entries_before += self.entries_seen;
        }
        self.entries_seen = info.entries_added;
        let processed = processed(ledger);
        let added = self.entries_before + info.entries_added;
        let rest = signed(added) - signed(processed + self.trimmed_unread);
        self.missing = 0;
        let mut imbalance = 0;
        let lag = if cursor >= info.last_id {
            imbalance = self.settle(rest, info);
            self.is_recreated = false;
            self.caught_up_at = cursor;
            Some(0)
        } else if info.first_id > cursor {
            // Nothing of what was read is still there, so what is there has not been read.
            let missing = rest - signed(info.length);
            self.missing = missing.max(0).unsigned_abs();
            imbalance = missing.min(0);
            Some(info.length)
        } else if info.max_deleted_id > cursor {
            // Entries ahead were deleted one by one; the broker does not report how many.
            None
        } else {
            imbalance = rest.min(0);
            Some(rest.max(0).unsigned_abs())
        };
        ledger.entries_added = Some(self.entries_before + info.entries_added + self.lost_by_broker);
        ledger.lost_by_broker = self.lost_by_broker;
        ledger.trimmed_unread = self.trimmed_unread + self.missing;
        ledger.imbalance = lag.map(|_| imbalance);
        ledger.lag = lag;
    }

    /// Everything present has been read: what is still missing from the equation was removed unread, if anything
    /// suggests that entries were removed; otherwise it is an error of ours, which must show.
    fn settle(&mut self, rest: i64, info: StreamInfo) -> i64 {
        let mark = self.caught_up_at;
        let was_removed = info.length == 0 || info.first_id > mark || info.max_deleted_id > mark || self.is_recreated;
        if rest > 0 && was_removed {
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
}

/// Entries that are in a column of the ledger because analytics put them there.
pub(super) fn processed(ledger: &Ledger) -> u64 {
    ledger.counted + ledger.duplicates + ledger.too_late + ledger.rejected.values().sum::<u64>()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
