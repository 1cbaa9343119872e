//! The readings that were counted last, of all antennas together.
//!
//! They are columns, copied out of a batch range by range, in chunks: full ones are sealed and shared with snapshots, the
//! open one is copied when a batch follows a snapshot. Nothing of it is committed: it begins anew with each term, as slots
//! do, so a slot stands for one antenna all along.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use shared::UnixMillis;
use shared::api::RecentReading;

use crate::decode::{Batch, Slot};

/// Readings kept at most. They take 8 MB.
pub const KEPT: usize = 131_072;

/// Readings in a full chunk; the oldest are forgotten by the chunk.
pub const CHUNK: usize = 4_096;

/// The readings that were counted last, oldest first. Cloning is cheap: chunks are shared.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    /// Full chunks.
    sealed: VecDeque<Arc<Chunk>>,
    /// The newest, which is not full.
    open: Arc<Chunk>,
}

#[derive(Debug, Clone, Default)]
struct Chunk {
    antenna: Vec<Slot>,
    event_ms: Vec<i64>,
    arrival_ms: Vec<i64>,
    packets: Vec<u32>,
    lost: Vec<u32>,
    latency_ms: Vec<Option<f64>>,
    seq: Vec<Option<u64>>,
    late: Vec<bool>,
}

impl Recent {
    /// Takes note of the rows of a batch but for those left out; of those named late, the pane had closed. Both ascend.
    pub fn extend(&mut self, batch: &Batch, left_out: &[usize], late: &[usize]) {
        let mut start = 0;
        for end in left_out.iter().copied().chain([batch.readings()]) {
            self.copy(batch, start..end, late);
            start = end + 1;
        }
    }

    /// The readings of an antenna, newest first.
    pub fn of(&self, antenna: Slot) -> impl Iterator<Item = RecentReading> {
        let chunks = self.sealed.iter().chain([&self.open]).rev();
        chunks.flat_map(move |chunk| chunk.of(antenna))
    }

    fn copy(&mut self, batch: &Batch, mut rows: Range<usize>, late: &[usize]) {
        while !rows.is_empty() {
            while self.sealed.len() >= KEPT / CHUNK {
                self.sealed.pop_front();
            }
            let room = CHUNK - self.open.antenna.len();
            let end = rows.end.min(rows.start + room);
            Arc::make_mut(&mut self.open).extend(batch, rows.start..end, late);
            rows.start = end;
            if self.open.antenna.len() == CHUNK {
                self.sealed.push_back(std::mem::take(&mut self.open));
            }
        }
    }
}

impl Chunk {
    fn extend(&mut self, batch: &Batch, rows: Range<usize>, late: &[usize]) {
        fn add<T: Copy>(column: &mut Vec<T>, values: &[T]) {
            // Once for all, and no more than needed: a copy has no room, and doubling it would outgrow the chunk.
            column.reserve_exact(CHUNK - column.len());
            column.extend_from_slice(values);
        }
        let first = self.late.len();
        add(&mut self.antenna, &batch.antenna[rows.clone()]);
        add(&mut self.event_ms, &batch.event_ms[rows.clone()]);
        add(&mut self.arrival_ms, &batch.arrival_ms[rows.clone()]);
        add(&mut self.packets, &batch.packets[rows.clone()]);
        add(&mut self.lost, &batch.loss[rows.clone()]);
        add(&mut self.latency_ms, &batch.latency_ms[rows.clone()]);
        add(&mut self.seq, &batch.seq[rows.clone()]);
        self.late.resize(first + rows.len(), false);
        let late = &late[late.partition_point(|row| *row < rows.start)..];
        late.iter().take_while(|row| **row < rows.end).for_each(|row| self.late[first + row - rows.start] = true);
    }

    /// The readings of an antenna, newest first.
    fn of(&self, antenna: Slot) -> impl Iterator<Item = RecentReading> {
        let rows = self.antenna.iter().enumerate().rev().filter(move |(_, slot)| **slot == antenna);
        rows.map(|(row, _)| RecentReading {
            timestamp: UnixMillis(self.event_ms[row]),
            arrived_at: UnixMillis(self.arrival_ms[row]),
            packets_sent: self.packets[row].into(),
            packets_lost: self.lost[row].into(),
            latency_ms: self.latency_ms[row],
            seq: self.seq[row],
            late: self.late[row],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings of antenna 0, or of antenna 1 where the number is odd, numbered by their `seq`.
    fn batch(numbers: Range<u64>) -> Batch {
        let mut batch = Batch::default();
        for number in numbers {
            batch.arrival_ms.push(1_000);
            batch.event_ms.push(1_000);
            batch.antenna.push(Slot::from(number % 2 == 1));
            batch.packets.push(100);
            batch.loss.push(1);
            batch.latency_ms.push(None);
            batch.seq.push(Some(number));
        }
        batch
    }

    fn seqs(recent: &Recent, antenna: Slot) -> Vec<u64> {
        recent.of(antenna).filter_map(|reading| reading.seq).collect()
    }

    #[test]
    fn the_newest_are_kept_up_to_the_bound() {
        let mut recent = Recent::default();
        let mut next = 0;
        for size in [1, 65_536, 65_536, 3, 200_000, 4_095, 4_096, 70_000] {
            recent.extend(&batch(next..next + size), &[], &[]);
            next += size;
            let (even, odd) = (seqs(&recent, 0), seqs(&recent, 1));
            let kept = even.len() + odd.len();
            assert!(kept <= KEPT && (kept > KEPT - CHUNK || kept as u64 == next), "{kept} of {next} are kept");
            let newest = |odd: u64| (next - kept as u64..next).rev().filter(move |number| number % 2 == odd);
            assert!(newest(0).eq(even) && newest(1).eq(odd), "these are the newest, newest first");
        }
        assert!(seqs(&recent, 2).is_empty());
    }

    #[test]
    fn rows_left_out_are_left_out_and_late_ones_are_marked() {
        let mut recent = Recent::default();
        recent.extend(&batch(0..1), &[0], &[]);
        recent.extend(&batch(0..10_000), &[0, 3, 4, 5_000, 9_999], &[1, 4_200, 9_998]);
        let (even, odd): (Vec<_>, Vec<_>) = (recent.of(0).collect(), recent.of(1).collect());
        let late: Vec<_> = even.iter().chain(&odd).filter(|reading| reading.late).map(|reading| reading.seq).collect();
        assert_eq!(late, [Some(9_998), Some(4_200), Some(1)]);
        assert_eq!((even.len(), odd.len()), (5_000 - 3, 5_000 - 2));
    }

    #[test]
    fn what_was_shared_does_not_change() {
        let mut recent = Recent::default();
        recent.extend(&batch(0..10), &[], &[]);
        let shared = recent.clone();
        recent.extend(&batch(10..9_000), &[], &[]);
        assert_eq!(seqs(&shared, 0), [8, 6, 4, 2, 0]);
        assert_eq!(seqs(&recent, 0).len(), 4_500);
    }
}
