//! The newest rejected entries of each reason, which show what is wrong.

use std::collections::{BTreeMap, VecDeque};

use shared::api::RejectedExample;
use shared::{Rejection, UnixMillis};

use crate::ingest::decode::RejectedEntry;
use crate::ingest::stream_id::StreamId;

/// Entries kept of each reason.
const KEPT: usize = 20;

/// Fields shown of an entry.
const FIELDS: usize = 32;

/// Characters shown of a name or a value.
const CHARACTERS: usize = 256;

/// Rejected entries, the newest of each reason.
#[derive(Debug, Default)]
pub(super) struct Examples {
    /// Newest first.
    by_reason: BTreeMap<Rejection, VecDeque<(StreamId, RejectedExample)>>,
}

impl Examples {
    /// Adds entries, oldest first, that are newer than all before.
    pub(super) fn extend(&mut self, entries: &[RejectedEntry]) {
        let mut counts = [0; Rejection::ALL.len()];
        // Of a flood of bad entries, only those that stay are copied.
        let is_kept = |entry: &&RejectedEntry| {
            counts[entry.reason as usize] += 1;
            counts[entry.reason as usize] <= KEPT
        };
        let newest: Vec<&RejectedEntry> = entries.iter().rev().filter(is_kept).collect();
        for entry in newest.into_iter().rev() {
            let examples = self.by_reason.entry(entry.reason).or_default();
            examples.push_front((entry.source_id, example(entry)));
            examples.truncate(KEPT);
        }
    }

    /// All of them with the ids of their entries, the newest of each reason first.
    pub(super) fn all(&self) -> Vec<(String, RejectedExample)> {
        let all = self.by_reason.values().flatten();
        all.map(|(id, example)| (id.to_string(), example.clone())).collect()
    }

    /// Those that another process told of, the newest of each reason first.
    pub(super) fn of(told: Vec<(String, RejectedExample)>) -> Self {
        let mut examples = Self::default();
        for (id, example) in told {
            let id = id.parse().unwrap_or(StreamId::ZERO);
            examples.by_reason.entry(example.reason).or_default().push_back((id, example));
        }
        examples
    }

    /// At most `limit` entries of a reason, or of all, newest first.
    pub(super) fn newest(&self, reason: Option<Rejection>, limit: usize) -> Vec<RejectedExample> {
        let is_wanted = |of: &Rejection| reason.is_none_or(|wanted| wanted == *of);
        let wanted = self.by_reason.iter().filter(|(of, _)| is_wanted(of));
        let mut examples: Vec<_> = wanted.flat_map(|(_, examples)| examples).collect();
        examples.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        examples.into_iter().take(limit).map(|(_, example)| example.clone()).collect()
    }
}

fn example(entry: &RejectedEntry) -> RejectedExample {
    RejectedExample {
        stream: None,
        source_id: entry.source_id.to_string(),
        arrived_at: UnixMillis(entry.source_id.arrival_ms()),
        reason: entry.reason,
        fields: entry.pairs.iter().take(FIELDS).map(|(name, value)| (text(name), text(value))).collect(),
    }
}

/// The first characters of what is UTF-8, or should be.
fn text(bytes: &[u8]) -> String {
    // A character takes at most four bytes.
    let bytes = &bytes[..bytes.len().min(4 * CHARACTERS)];
    String::from_utf8_lossy(bytes).chars().take(CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(number: u64, reason: Rejection) -> RejectedEntry {
        let source_id = StreamId { millis: 1_700_000_000_000 + number / 3, counter: number % 3 };
        RejectedEntry { source_id, reason, pairs: vec![(b"number".to_vec(), number.to_string().into_bytes())] }
    }

    proptest! {
        /// However the entries come in batches.
        #[test]
        fn the_newest_of_each_reason_are_kept(
            reasons in prop::collection::vec(prop::sample::select(&Rejection::ALL[..4]), 0..200),
            size in 1..200_usize,
            limit in 1..100_usize,
        ) {
            let entries: Vec<RejectedEntry> =
                (0..).zip(&reasons).map(|(number, &reason)| entry(number, reason)).collect();
            let mut examples = Examples::default();
            entries.chunks(size).for_each(|batch| examples.extend(batch));
            for reason in Rejection::ALL {
                let of_reason = entries.iter().rev().filter(|entry| entry.reason == reason);
                let expected: Vec<_> = of_reason.take(limit.min(KEPT)).map(example).collect();
                prop_assert_eq!(examples.newest(Some(reason), limit), expected);
            }
            let all = examples.newest(None, limit);
            let mut kept = [0; Rejection::ALL.len()];
            let is_kept = |entry: &&RejectedEntry| {
                kept[entry.reason as usize] += 1;
                kept[entry.reason as usize] <= KEPT
            };
            let expected: Vec<_> = entries.iter().rev().filter(is_kept).take(limit).map(example).collect();
            prop_assert_eq!(all, expected);
        }

        #[test]
        fn any_bytes_become_a_short_text(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
            let whole: String = String::from_utf8_lossy(&bytes).chars().take(CHARACTERS).collect();
            prop_assert_eq!(text(&bytes), whole);
        }
    }

    #[test]
    fn long_texts_and_many_fields_are_cut() {
        let pairs = vec![("ñ".repeat(300).into_bytes(), "\u{1f4e1}".repeat(300).into_bytes()); 40];
        let example = example(&RejectedEntry { pairs, ..entry(1, Rejection::BadSeq) });
        assert_eq!(example.fields, vec![("ñ".repeat(256), "\u{1f4e1}".repeat(256)); 32]);
    }
}
