//! Any bytes as a reply to XREAD, cut anywhere: nothing panics, and the cut does not matter.
//!
//! The first byte tells how the rest is cut. The decoder's sources are compiled in by themselves, so that the fuzzer
//! need not instrument Polars; [`readings`] stands in for the table of that name, and checks each row.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "what the rest of analytics uses")]
#[path = "../../src/ingest/decode.rs"]
mod decode;
#[path = "../../src/ingest/resp.rs"]
mod resp;
#[expect(dead_code, reason = "what the rest of analytics uses")]
#[path = "../../src/ingest/stream_id.rs"]
mod stream_id;

use decode::{Batch, Decoder, Interner};
use resp::{Extent, ReplyParser};

const MAX_CLOCK_SKEW_MS: i64 = 60_000;

/// How far a reply reaches that arrives in pieces of a size, whether it ended, and how many bytes were done with.
fn extent(bytes: &[u8], piece: usize) -> Result<(Extent, bool, usize), String> {
    let (mut parser, mut extent, mut done, mut end) = (ReplyParser::default(), Extent::default(), 0, 0);
    while end < bytes.len() {
        end = bytes.len().min(end + piece);
        let more = parser.feed(&bytes[done..end], &mut extent).map_err(|error| error.to_string())?;
        assert!(more <= end - done, "no more bytes are done with than there are");
        done += more;
    }
    Ok((extent, parser.is_done(), done))
}

fn decode(bytes: &[u8]) -> Option<Batch> {
    Decoder::new(Interner::default(), MAX_CLOCK_SKEW_MS).decode(bytes).ok()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&piece, bytes)) = bytes.split_first() else { return };
    let whole = extent(bytes, bytes.len().max(1));
    assert_eq!(whole, extent(bytes, usize::from(piece).max(1)), "the cut does not matter");
    match (whole, decode(bytes)) {
        (Ok((extent, true, _)), Some(batch)) => {
            assert_eq!((batch.entries, batch.last_id), (extent.entries, extent.last_id));
            assert_eq!(batch.entries, batch.readings.height() as u64 + batch.rejected_counts.iter().sum::<u64>());
        }
        (whole, batch) => assert!(batch.is_none(), "a reply without an end has no batch: {whole:?}"),
    }
});

/// What the decoder fills in place of a table.
mod readings {
    use std::convert::Infallible;

    pub type Slot = u32;

    pub struct Row {
        pub arrival_ms: i64,
        pub event_ms: i64,
        pub antenna: Slot,
        pub packets_sent: u32,
        pub packets_lost: u32,
        pub latency_ms: Option<f64>,
        /// Any number is one.
        #[expect(dead_code, reason = "nothing to check")]
        pub seq: Option<u64>,
    }

    /// The number of rows.
    #[derive(Debug, Default)]
    pub struct Readings(usize);

    impl Readings {
        pub fn height(&self) -> usize {
            self.0
        }
    }

    #[derive(Debug)]
    pub struct Rows(usize);

    impl Rows {
        pub fn with_capacity(_rows: usize) -> Self {
            Self(0)
        }

        /// Checks what the store takes for granted.
        pub fn push(&mut self, row: &Row) {
            let Row { arrival_ms, event_ms, antenna, packets_sent, packets_lost, latency_ms, .. } = *row;
            assert!(event_ms <= arrival_ms.saturating_add(super::MAX_CLOCK_SKEW_MS), "the future is rejected");
            assert!(antenna as usize <= self.0, "slots are given out in order");
            assert!(packets_lost <= packets_sent);
            assert!(latency_ms.is_none_or(|latency_ms| latency_ms.is_finite() && latency_ms >= 0.0));
            self.0 += 1;
        }

        pub fn finish(self) -> Result<Readings, Infallible> {
            Ok(Readings(self.0))
        }
    }
}
