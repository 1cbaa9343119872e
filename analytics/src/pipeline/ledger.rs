//! Where every entry went: the equation of the contract's section 4, checked against what the broker reports.

use shared::api::Ledger;

use crate::ingest::log::{Epoch, GroupStep, StreamInfo};
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
    /// The newest entry then.
    last_id_seen: StreamId,
    /// The cursor when everything present had been read the last time.
    pub(super) caught_up_at: StreamId,
    /// Entries that are missing in front of those present, not settled yet.
    missing: u64,
    /// The stream was deleted and created again since everything present had been read the last time.
    pub(super) is_recreated: bool,
    /// Whether the stream is still the one that the state knows.
    pub(super) stream: Stream,
}

/// What a look at the stream came to, as far as the state does not know it yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Stream {
    /// It is the one that was there before, and has its group.
    #[default]
    Same,
    /// It is accounted for, and still has to get its group.
    New,
    /// It was made anew and begins at or before the cursor, or is empty yet. It has to be read from its beginning.
    Behind,
    /// It has lost its group, but nothing else suggests that it is another one.
    Unsure,
}

impl Stream {
    /// What the next commit does to the group. Where the cursor is in doubt it stays away, so that the next term, which
    /// settles that, cannot miss it.
    pub(super) const fn group(self) -> GroupStep {
        match self {
            Self::Same => GroupStep::Move,
            Self::New => GroupStep::Make,
            Self::Behind | Self::Unsure => GroupStep::Leave,
        }
    }
}

/// Where the committed cursor lies in a stream that has no consumer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Whether the entry at the cursor is there.
    pub(super) is_there: bool,
    /// How many entries are behind it.
    pub(super) newer: u64,
}

/// Settles at the beginning of a term whether the stream is the one that the state knows, and returns the cursor to begin after.
///
/// Without its group a stream may have been made anew. It is still the same if it holds the entry at the cursor, and at least
/// as many entries up to there as were read. One that was made anew is read from its beginning, unless the cursor already lies
/// in it: its ids may lie before the cursor, if the broker's clock was set back.
pub(super) fn resume(meta: &mut Meta, cursor: StreamId, info: StreamInfo, place: Option<Place>) -> StreamId {
    let read = processed(&meta.ledger).saturating_add(meta.ledger.trimmed_unread);
    let is_there = place.is_none_or(|place| place.is_there);
    let up_to_cursor = place.map_or(u64::MAX, |place| info.entries_added.saturating_sub(place.newer));
    let is_same = is_there && up_to_cursor >= read.saturating_sub(meta.entries_before);
    if info.entries_added < meta.entries_seen || !(is_same || meta.awaits_group) {
        meta.entries_before = meta.entries_before.saturating_add(meta.entries_seen);
        meta.is_recreated = true;
    }
    meta.entries_seen = info.entries_added;
    meta.awaits_group = place.is_some();
    // What was read, but not of this stream, was read of those before.
    let read_of_it = if is_there { up_to_cursor } else { 0 };
    meta.entries_before = meta.entries_before.max(read.saturating_sub(read_of_it));
    if is_there || info.first_id > cursor { cursor } else { StreamId::ZERO }
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
    /// Whether nobody else can have owned the stream between the term in which it was seen and another one.
    pub(super) const fn is_known_in(self, epoch: Epoch) -> bool {
        epoch <= self.epoch + 1
    }

    /// The same for the terms behind another one of this process, as far as it was known in that one.
    pub(super) const fn still_known_in(self, epoch: Epoch) -> Self {
        if self.is_known_in(epoch) && epoch > self.epoch { Self { epoch, ..self } } else { self }
    }

    /// How many of the entries seen are in no stream any more, now that the committed state is `meta` and `present` entries of
    /// the stream lie up to the last one seen.
    pub(super) const fn lost(self, meta: &Meta, present: u64) -> u64 {
        let still_there = meta.entries_before.saturating_add(present).saturating_add(meta.ledger.lost_by_broker);
        self.entries.saturating_sub(still_there)
    }
}

impl Accounts {
    /// The accounts of a term that begins after `cursor`, as [`resume`] has settled it.
    pub(super) fn new(meta: &Meta, cursor: StreamId) -> Self {
        let caught_up_at = meta.caught_up_at.as_deref().and_then(|text| text.parse().ok());
        Self {
            trimmed_unread: meta.ledger.trimmed_unread,
            lost_by_broker: meta.ledger.lost_by_broker,
            entries_before: meta.entries_before,
            entries_seen: meta.entries_seen,
            last_id_seen: cursor,
            caught_up_at: caught_up_at.unwrap_or(cursor),
            missing: 0,
            is_recreated: meta.is_recreated,
            stream: if meta.awaits_group { Stream::New } else { Stream::Same },
        }
    }

    /// Position of the cursor in the present stream, as the broker counts: what ENTRIESREAD wants.
    pub(super) const fn entries_read(&self, processed: u64) -> u64 {
        processed.saturating_add(self.trimmed_unread).saturating_add(self.missing).saturating_sub(self.entries_before)
    }

    /// Enters them into what is committed, but for whether the stream has its group.
    pub(super) fn enter(&self, meta: &mut Meta) {
        meta.ledger.trimmed_unread = self.trimmed_unread;
        meta.ledger.lost_by_broker = self.lost_by_broker;
        meta.entries_before = self.entries_before;
        meta.entries_seen = self.entries_seen;
        meta.caught_up_at = Some(self.caught_up_at.to_string());
        meta.is_recreated = self.is_recreated;
    }

    /// Completes a ledger, which has every entry up to `cursor` in one of its columns, with what the broker reports of
    /// the stream.
    pub(super) fn balance(&mut self, ledger: &mut Ledger, cursor: StreamId, info: StreamInfo) {
        self.look(info);
        let added = i128::from(self.entries_before) + i128::from(info.entries_added);
        // Whoever may write to the broker may set its count to anything.
        let mut rest = signed(added - i128::from(processed(ledger)) - i128::from(self.trimmed_unread));
        // Where nothing of what was read is still there, nothing of what is there has been read.
        let is_ahead = info.first_id > cursor;
        let least = if is_ahead { info.length } else { 0 };
        let surplus = least.saturating_sub(rest.max(0).unsigned_abs()).saturating_add(rest.min(0).unsigned_abs());
        if self.is_recreated && surplus > 0 {
            // Entries that were added and read between the last look at the deleted stream and its end.
            self.entries_before = self.entries_before.saturating_add(surplus);
            rest = rest.saturating_add_unsigned(surplus);
        }
        self.missing = 0;
        let mut imbalance = 0;
        let is_read = cursor >= info.last_id && self.stream != Stream::Behind;
        let lag = if self.stream == Stream::Behind || (!is_read && !is_ahead && info.max_deleted_id > cursor) {
            // How much of it has been read is for the next term to find out; or entries ahead were deleted one by one, and the
            // broker does not report how many.
            None
        } else {
            let lag = match is_read {
                true => 0,
                false if is_ahead => info.length,
                false => rest.max(0).unsigned_abs().min(info.length),
            };
            let missing = rest.saturating_sub_unsigned(lag);
            if missing > 0 && self.was_removed(info) && missing.unsigned_abs() <= self.most_added(info) {
                self.missing = missing.unsigned_abs();
            } else {
                imbalance = missing;
            }
            Some(lag)
        };
        if is_read {
            self.trimmed_unread += std::mem::take(&mut self.missing);
            self.is_recreated = false;
            self.caught_up_at = cursor;
        }
        let reported = self.entries_before.saturating_add(info.entries_added);
        ledger.entries_added = Some(reported.saturating_add(self.lost_by_broker));
        ledger.lost_by_broker = self.lost_by_broker;
        ledger.trimmed_unread = self.trimmed_unread.saturating_add(self.missing);
        ledger.imbalance = lag.map(|_| imbalance);
        ledger.lag = lag;
    }

    /// Finds out whether the stream is still the one of the last look. One that was deleted took its group along; what was added
    /// under the name since is another one, even if it has outgrown the old one meanwhile.
    fn look(&mut self, info: StreamInfo) {
        let goes_on = info.first_id > self.last_id_seen;
        let has_lost_group = !info.has_group && self.stream == Stream::Same;
        let is_behind = !info.has_group && info.last_id < self.last_id_seen;
        if info.entries_added < self.entries_seen || is_behind || (has_lost_group && (goes_on || info.length == 0)) {
            self.is_recreated = true;
            self.entries_before = self.entries_before.saturating_add(self.entries_seen);
            self.stream = match info.has_group {
                true => Stream::Same,
                false if goes_on => Stream::New,
                false => Stream::Behind,
            };
        } else if has_lost_group {
            self.stream = Stream::Unsure;
        } else if info.has_group && self.stream == Stream::New {
            self.stream = Stream::Same;
        }
        self.entries_seen = info.entries_added;
        self.last_id_seen = info.last_id;
    }

    /// Whether anything suggests that entries were removed since everything present had been read the last time. Otherwise, what
    /// is missing from the equation is an error of ours, which must show.
    fn was_removed(&self, info: StreamInfo) -> bool {
        let mark = self.caught_up_at;
        info.length == 0 || info.first_id > mark || info.max_deleted_id > mark || self.is_recreated
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
            has_group: true,
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
        let info = StreamInfo {
            entries_added: 9,
            length: 9,
            first_id: id(NOW),
            last_id: id(NOW),
            has_group: true,
            ..StreamInfo::default()
        };
        balanced(&mut accounts, 9, id(NOW), info);
        let later = id(NOW + 1_000);
        let trimmed = StreamInfo { entries_added: 500_009, length: 1, first_id: later, last_id: later, ..info };
        let ledger = balanced(&mut accounts, 9, id(NOW), trimmed);
        assert_eq!((ledger.imbalance, ledger.lag, ledger.trimmed_unread), (Some(0), Some(1), 499_999));
        let ledger = balanced(&mut accounts, 10, later, trimmed);
        assert_eq!((ledger.imbalance, ledger.lag, ledger.trimmed_unread), (Some(0), Some(0), 499_999));
    }
}
