//! Any bytes as a reply to XREAD, cut anywhere: nothing panics, and the cut does not matter.
//!
//! The first byte tells how the rest is cut. The decoder's sources are compiled in by themselves, so that the fuzzer
//! need not instrument Polars.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../src/ingest/decode.rs"]
mod decode;
#[path = "../../src/ingest/resp.rs"]
mod resp;
#[path = "../../src/ingest/stream_id.rs"]
mod stream_id;

use decode::{Batch, Decoder, Interner};
use resp::{Extent, ReplyParser};

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
    Decoder::new(Interner::default(), 60_000).decode(bytes).ok()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&piece, bytes)) = bytes.split_first() else { return };
    let whole = extent(bytes, bytes.len().max(1));
    assert_eq!(whole, extent(bytes, usize::from(piece).max(1)), "the cut does not matter");
    match (whole, decode(bytes)) {
        (Ok((extent, true, _)), Some(batch)) => {
            assert_eq!((batch.entries, batch.last_id), (extent.entries, extent.last_id));
            assert_eq!(batch.entries, batch.readings() as u64 + batch.rejected_counts.iter().sum::<u64>());
        }
        (whole, batch) => assert!(batch.is_none(), "a reply without an end has no batch: {whole:?}"),
    }
});
