//! The decoder reads what the redis crate's own parser reads, however the bytes are cut.

use analytics::ingest::decode::{Batch, Decoder, Interner};
use analytics::ingest::resp::{EntryRef, Extent, ReplyParser, Visitor};
use proptest::prelude::*;
use redis::Value;
use shared::{Rejection, UnixMillis};

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;
type Entry = (u64, Pairs);

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..12);
    let known = prop_oneof![
        Just(b"antenna_id".to_vec()),
        Just(b"timestamp".to_vec()),
        Just(b"packets".to_vec()),
        Just(b"loss".to_vec()),
        Just(b"latency".to_vec()),
        Just(b"seq".to_vec()),
    ];
    let number = (0..5_000_u32).prop_map(|number| number.to_string().into_bytes());
    let pair = (prop_oneof![known, bytes.clone()], prop_oneof![number, bytes]);
    prop::collection::vec((0..3_u64, prop::collection::vec(pair, 0..9)), 0..12)
}

#[derive(Debug, Clone, Copy)]
enum Protocol {
    Resp2,
    Resp3,
}

fn reply(entries: &[Entry], protocol: Protocol) -> Vec<u8> {
    let mut reply = match protocol {
        _ if entries.is_empty() => {
            return if matches!(protocol, Protocol::Resp2) { b"*-1\r\n".to_vec() } else { b"_\r\n".to_vec() };
        }
        Protocol::Resp2 => b"*1\r\n*2\r\n$6\r\nstream\r\n".to_vec(),
        Protocol::Resp3 => b"%1\r\n$6\r\nstream\r\n".to_vec(),
    };
    let bulk = |reply: &mut Vec<u8>, bytes: &[u8]| {
        reply.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        reply.extend_from_slice(bytes);
        reply.extend_from_slice(b"\r\n");
    };
    reply.extend_from_slice(format!("*{}\r\n", entries.len()).as_bytes());
    for (index, (counter, pairs)) in entries.iter().enumerate() {
        reply.extend_from_slice(b"*2\r\n");
        bulk(&mut reply, format!("{}-{counter}", 1_700_000_000_000 + index).as_bytes());
        reply.extend_from_slice(format!("*{}\r\n", pairs.len() * 2).as_bytes());
        for (name, value) in pairs {
            bulk(&mut reply, name);
            bulk(&mut reply, value);
        }
    }
    reply
}

/// The entries as the redis crate reads them.
fn by_the_crate(reply: &[u8]) -> Vec<(String, Pairs)> {
    fn text(value: &Value) -> Vec<u8> {
        match value {
            Value::BulkString(bytes) => bytes.clone(),
            other => panic!("a string is expected, not {other:?}"),
        }
    }
    let streams = match redis::parse_redis_value(reply).expect("a well-formed reply") {
        Value::Nil => return Vec::new(),
        Value::Array(mut streams) => match streams.remove(0) {
            Value::Array(mut pair) => pair.remove(1),
            other => panic!("a pair is expected, not {other:?}"),
        },
        Value::Map(mut streams) => streams.remove(0).1,
        other => panic!("streams are expected, not {other:?}"),
    };
    let Value::Array(entries) = streams else { panic!("entries are expected") };
    entries
        .iter()
        .map(|entry| {
            let Value::Array(parts) = entry else { panic!("an entry is expected") };
            let Value::Array(items) = &parts[1] else { panic!("fields are expected") };
            let pairs = items.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
            (String::from_utf8(text(&parts[0])).expect("an id"), pairs)
        })
        .collect()
}

/// Collects entries with the fields that were visited.
#[derive(Default)]
struct Collector<'a> {
    fields: Vec<(&'a [u8], &'a [u8])>,
    found: Vec<(String, Pairs)>,
}

impl<'a> Visitor<'a> for Collector<'a> {
    fn begin(&mut self) {
        self.fields.clear();
    }

    fn field(&mut self, name: &'a [u8], value: &'a [u8]) {
        self.fields.push((name, value));
    }

    fn end(&mut self, entry: EntryRef<'a>) {
        assert!(entry.pairs().eq(self.fields.iter().copied()), "a second walk finds the same");
        let pairs = self.fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        self.found.push((entry.id.to_string(), pairs));
    }
}

/// Feeds the reply in pieces and collects its entries.
fn by_pieces(reply: &[u8], cuts: &[usize]) -> Vec<(String, Pairs)> {
    let mut parser = ReplyParser::default();
    let mut collector = Collector::default();
    let mut at = 0;
    for &end in cuts.iter().chain([&reply.len()]) {
        let done = parser.feed(&reply[at..end.max(at)], &mut collector);
        at += done.expect("a well-formed reply");
    }
    let found = collector.found;
    let mut extent = Extent::default();
    ReplyParser::default().feed(reply, &mut extent).expect("a well-formed reply");
    assert_eq!(extent.entries, found.len() as u64);
    assert_eq!(extent.entries > 0, found.last().is_some_and(|(id, _)| *id == extent.last_id.to_string()));
    assert!(parser.is_done(), "the whole reply is parsed");
    assert_eq!(at, reply.len(), "every byte is done with");
    found
}

proptest! {
    #[test]
    fn any_cut_gives_what_the_redis_crate_reads(
        entries in entries(),
        protocol in prop_oneof![Just(Protocol::Resp2), Just(Protocol::Resp3)],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let reply = reply(&entries, protocol);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(reply.len() + 1)).collect();
        cuts.sort_unstable();
        prop_assert_eq!(by_pieces(&reply, &cuts), by_the_crate(&reply));
    }

    /// Bytes that nobody vouches for give an error or wait for more; they never panic.
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), entries in entries(), flip in any::<prop::sample::Index>()) {
        let _any = ReplyParser::default().feed(&bytes, &mut Collector::default());
        let mut reply = reply(&entries, Protocol::Resp2);
        let at = flip.index(reply.len());
        reply[at] ^= 1;
        let mut collector = Collector::default();
        let _any = ReplyParser::default().feed(&reply, &mut collector);
        assert!(collector.found.iter().all(|(_, pairs)| pairs.len() < 100));
    }

    /// Every entry becomes a reading or a rejected entry with its fields as they were.
    #[test]
    fn every_entry_is_accounted_for(entries in entries()) {
        let mut decoder = Decoder::new(Interner::default(), 60_000);
        let batch: Batch = decoder.decode(&reply(&entries, Protocol::Resp2)).expect("a well-formed reply");
        prop_assert_eq!(batch.entries, entries.len() as u64);
        prop_assert_eq!(batch.readings.height() + batch.rejected.len(), entries.len());
        prop_assert_eq!(batch.rejected_counts.iter().sum::<u64>(), batch.rejected.len() as u64);
        for rejected in batch.rejected {
            let index = (rejected.source_id.millis - 1_700_000_000_000) as usize;
            prop_assert_eq!(&rejected.pairs, &entries[index].1);
        }
    }
}

#[test]
fn an_error_of_the_server_is_told_as_it_is() {
    let error = Decoder::new(Interner::default(), 0).decode(b"-WRONGTYPE Operation against a key\r\n");
    assert_eq!(error.expect_err("an error").to_string(), "WRONGTYPE Operation against a key");
}

#[test]
fn a_reply_that_is_cut_off_is_no_batch() {
    let reply = reply(&[(0, vec![(b"a".to_vec(), b"b".to_vec())]), (1, Vec::new())], Protocol::Resp2);
    for end in 0..reply.len() {
        assert!(Decoder::new(Interner::default(), 0).decode(&reply[..end]).is_err(), "cut at {end}");
    }
}

/// An id is chosen by whoever writes: one entry of 2100, right readings behind it that can only go on from its id, and an
/// id in microseconds.
#[test]
fn an_id_ahead_of_the_broker_is_not_its_clock() {
    const NOW_MS: i64 = 1_700_000_000_000;
    let entry = |id: &str, antenna: &str, timestamp: &str| {
        let fields = [("antenna_id", antenna), ("timestamp", timestamp), ("packets", "1"), ("loss", "0")];
        let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        let fields: String = fields.iter().map(|(name, value)| bulk(name) + &bulk(value)).collect();
        format!("*2\r\n{}*8\r\n{fields}", bulk(id))
    };
    let reply = [
        "*1\r\n*2\r\n$1\r\ns\r\n*4\r\n".to_owned(),
        entry("1699999999000-0", "a", "1699999999"),
        entry("4102444800000-0", "evil", "4102444800"),
        entry("4102444800000-1", "b", "1700000000"),
        entry("1700000000000000-0", "c", "1700000000"),
    ]
    .concat();
    let mut decoder = Decoder::new(Interner::default(), 60_000);
    decoder.set_broker_time(UnixMillis(NOW_MS));
    let batch = decoder.decode(reply.as_bytes()).expect("a well-formed reply");
    let arrivals = batch.readings.column("arrival_ms").expect("a column").i64().expect("integers");
    assert_eq!(arrivals.iter().flatten().collect::<Vec<_>>(), [NOW_MS - 1_000, NOW_MS, NOW_MS]);
    assert_eq!(batch.rejected.iter().map(|entry| entry.reason).collect::<Vec<_>>(), [Rejection::Future]);
    assert_eq!(batch.ids_ahead, 3);
}
