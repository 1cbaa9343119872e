//! Any query string as the address of any page of the dashboard, or what one of its forms sends, and any `Accept-Language`:
//! nothing panics, and a page that is understood has exactly one address, which leads to it again.
//!
//! The first byte tells which page; what is behind the first line feed is the header. The sources are compiled in by
//! themselves, as the pages are not needed.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[expect(dead_code, reason = "what the rest of the dashboard uses")]
#[path = "../../../dashboard-ui/src/language.rs"]
mod language;
#[allow(dead_code, unused_imports, reason = "what the rest of the dashboard uses")]
#[path = "../../../dashboard-ui/src/query/mod.rs"]
mod query;

use language::Language;
use query::{Address, Kind, Parameters};

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, rest)) = bytes.split_first() else { return };
    let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
    let header = std::str::from_utf8(rest.get(end + 1..).unwrap_or_default()).ok();
    let preferred = Language::preferred(header);
    let kind = Kind::ALL[usize::from(which) % Kind::ALL.len()];
    let Ok(given) = serde_urlencoded::from_bytes::<Parameters>(&rest[..end]) else { return };
    let Ok(address) = Address::parse(kind, &given, preferred) else { return };
    let href = address.href();
    let query = href.split_once('?').map_or("", |(_, query)| query);
    let again: Parameters = serde_urlencoded::from_str(query).expect("an address that was written");
    let again = Address::parse(kind, &again, preferred).expect("an address that was written");
    assert_eq!(again, address, "{href}");
    assert_eq!(again.href(), href);
});
