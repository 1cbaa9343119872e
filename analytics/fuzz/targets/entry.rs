//! Any names and values as the fields of an entry: nothing panics, what is a reading keeps the contract's rules, and it is the
//! same reading when it is written and read again.
//!
//! Fields are separated by line feeds, and a name from its value by the first `=`; the six names are also written as the
//! digits 0 to 5, so that the fuzzer need not find them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shared::codec::{Fields, TIMESTAMP_MAX_MS, checked, encode};

const NAMES: [&[u8]; 6] = [b"antenna_id", b"timestamp", b"packets", b"loss", b"latency", b"seq"];

fuzz_target!(|bytes: &[u8]| {
    let mut fields = Fields::default();
    for line in bytes.split(|&byte| byte == b'\n') {
        let end = line.iter().position(|&byte| byte == b'=').unwrap_or(line.len());
        let (name, value) = (&line[..end], line.get(end + 1..).unwrap_or_default());
        let name = match name {
            [digit @ b'0'..=b'5'] => NAMES[usize::from(digit - b'0')],
            name => name,
        };
        fields.set(name, value);
    }
    let Ok(reading) = fields.decode() else { return };
    assert!((0..=TIMESTAMP_MAX_MS).contains(&reading.timestamp_ms), "{reading:?}");
    assert!(reading.loss <= reading.packets, "{reading:?}");
    assert!((1..=253).contains(&reading.antenna_id.len()), "{reading:?}");
    assert!(!reading.antenna_id.chars().any(char::is_control), "{reading:?}");
    assert!(reading.latency_ms.is_none_or(|latency_ms| (0.0..=86_400_000.0).contains(&latency_ms)), "{reading:?}");
    let owned = reading.to_owned();
    assert_eq!(checked(&owned), Ok(reading), "it keeps the rules also where it did not come over the wire");
    let pairs = encode(&owned);
    let again: Fields<'_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(again.decode(), Ok(reading), "it is the same when it is written and read again");
});
