//! Server-Sent Events for many readers: an event is written and compressed once, whoever reads it.
//!
//! A gzip stream (RFC 1952) is a header, blocks of a deflate stream (RFC 1951), and a checksum of their content. An event's
//! blocks end on a byte boundary and refer to nothing outside the event, so they fit into any stream at any position. One
//! compressor per reader would take a quarter of a megabyte each and repeat the same work.

use std::io::Write as _;
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use futures::{Stream, StreamExt, stream};
use shared::negotiation;

/// A ping is sent this often; the script in the page gives up on a stream after 15 s of silence.
const PING_EVERY: Duration = Duration::from_secs(5);

/// A comment would keep the connection alive too, but the script in the page would not see it.
static PING: LazyLock<Event> = LazyLock::new(|| Event::new("ping", "."));

/// No name, no time, an unknown system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// An empty block that is marked as the last one.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// An event as it is sent. Clones share the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Event(Arc<Written>);

#[derive(Debug)]
struct Written {
    text: Bytes,
    /// Compressed for the first reader: many events are never sent because nothing has changed.
    packed: OnceLock<Packed>,
}

/// Deflate blocks up to a byte boundary, none of them marked as the last, and the checksum of their content.
#[derive(Debug)]
struct Packed {
    blocks: Bytes,
    check: Crc,
}

/// Events are equal if their text is.
impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Event {
    /// An event with a name. Any kind of line ending in `data` ends a line.
    pub(crate) fn new(name: &str, data: &str) -> Self {
        let mut text = format!("event: {name}\n");
        for line in data.split(['\n', '\r']) {
            text.extend(["data: ", line, "\n"]);
        }
        text.push('\n');
        Self(Arc::new(Written { text: text.into(), packed: OnceLock::new() }))
    }

    fn text(&self) -> Bytes {
        self.0.text.clone()
    }

    fn packed(&self) -> &Packed {
        self.0.packed.get_or_init(|| Packed::of(&self.0.text))
    }
}

impl Packed {
    fn of(text: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).and_then(|()| encoder.flush()).expect("a vector takes all");
        let mut check = Crc::new();
        check.update(text);
        Self { blocks: std::mem::take(encoder.get_mut()).into(), check }
    }
}

/// The response to a reader: the events, with a ping when there have been none for a while; compressed if the reader
/// accepts that.
pub(crate) fn answer(headers: &HeaderMap, events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = with_pings(events);
    // A buffering proxy would hold events back.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    let plain = [unbuffered, (CONTENT_TYPE, "text/event-stream"), (VARY, "accept-encoding")];
    if takes_gzip(headers) {
        (plain, [(CONTENT_ENCODING, "gzip")], streamed(gzip(events))).into_response()
    } else {
        (plain, streamed(events.map(|event| event.text()))).into_response()
    }
}

fn streamed(parts: impl Stream<Item = Bytes> + Send + 'static) -> Body {
    Body::from_stream(parts.map(Ok::<_, std::convert::Infallible>))
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line: &HeaderValue| line.to_str().ok());
    let mut choices = lines.flat_map(negotiation::choices);
    choices.any(|(coding, _)| coding.eq_ignore_ascii_case("gzip"))
}

fn with_pings(events: impl Stream<Item = Event> + Send + 'static) -> impl Stream<Item = Event> + Send + 'static {
    stream::unfold(Box::pin(events), |mut events| async {
        match tokio::time::timeout(PING_EVERY, events.next()).await {
            Ok(event) => Some((event?, events)),
            Err(_) => Some((PING.clone(), events)),
        }
    })
}

/// The events as one gzip stream.
fn gzip(events: impl Stream<Item = Event> + Send + 'static) -> impl Stream<Item = Bytes> + Send + 'static {
    enum Next<S> {
        Header(S),
        Event(S, Crc),
        Nothing,
    }
    stream::unfold(Next::Header(Box::pin(events)), |next| async {
        match next {
            Next::Header(events) => Some((Bytes::from_static(&GZIP_HEADER), Next::Event(events, Crc::new()))),
            Next::Event(mut events, mut check) => match events.next().await {
                Some(event) => {
                    let packed = event.packed();
                    check.combine(&packed.check);
                    Some((packed.blocks.clone(), Next::Event(events, check)))
                }
                None => Some((trailer(&check), Next::Nothing)),
            },
            Next::Nothing => None,
        }
    })
}

fn trailer(check: &Crc) -> Bytes {
    [&LAST_BLOCK[..], &check.sum().to_le_bytes(), &check.amount().to_le_bytes()].concat().into()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = Event> {
        ("[a-z]{1,8}", prop_oneof!["\\PC{0,40}", "(<td>[0-9]{1,3}</td>\r?\n?){0,400}"])
            .prop_map(|(name, data)| Event::new(&name, &data))
    }

    proptest! {
        #[test]
        fn any_events_in_any_order_are_a_whole_gzip_stream(
            events in prop::collection::vec(event(), 1..6),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let sent: Vec<Event> = order.iter().map(|index| index.get(&events).clone()).collect();
            let text: Vec<u8> = sent.iter().flat_map(|event| event.text()).collect();
            let packed: Vec<Bytes> = futures::executor::block_on(gzip(stream::iter(sent)).collect());
            let mut unpacked = Vec::new();
            // This fails if the end is missing, or the checksum or length is wrong.
            GzDecoder::new(&*packed.concat()).read_to_end(&mut unpacked).expect("a whole stream");
            prop_assert_eq!(unpacked, text);
        }

        #[test]
        fn an_event_is_understood_as_soon_as_it_is_there(event in event()) {
            let parts = [Bytes::from_static(&GZIP_HEADER), event.packed().blocks.clone()].concat();
            let mut unpacked = vec![0; event.text().len()];
            GzDecoder::new(&*parts).read_exact(&mut unpacked).expect("all of the event");
            prop_assert_eq!(unpacked, event.text());
        }
    }

    #[test]
    fn lines_are_lines_however_they_end() {
        let event = Event::new("fragment", "<p>\n1\r2</p>");
        assert_eq!(event.text(), "event: fragment\ndata: <p>\ndata: 1\ndata: 2</p>\n\n");
    }

    #[test]
    fn only_who_asks_for_it_gets_gzip() {
        for (header, expected) in
            [("gzip, deflate, br", true), ("br;q=1, GZIP;q=0.1", true), ("gzip;q=0", false), ("br", false), ("", false)]
        {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(header))]);
            assert_eq!(takes_gzip(&headers), expected, "{header}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_says_that_it_is_alive() {
        let mut events = Box::pin(with_pings(stream::pending()));
        assert_eq!(events.next().await, Some(PING.clone()));
        assert_eq!(events.next().await, Some(PING.clone()));
    }
}
