//! Analytics' Server-Sent Events.

use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt, stream};
use shared::api::SNAPSHOT_EVENT;

use super::ClientError;

/// Analytics sends a comment at least every 15 s; one may be missed, two may not.
const EVENTS_SILENCE: Duration = Duration::from_secs(32);

/// Yields whenever the chunks of an event stream announce a snapshot.
pub(super) fn snapshots<B: AsRef<[u8]> + Send + 'static>(
    chunks: impl Stream<Item = Result<B, ClientError>> + Send + 'static,
) -> impl Stream<Item = Result<(), ClientError>> + Send + 'static {
    let mut events = EventCounter::default();
    silence_is_an_error(chunks).try_filter_map(move |chunk| {
        let any = events.push(chunk.as_ref()) > 0;
        async move { Ok(any.then_some(())) }
    })
}

/// Ends a stream with an error when nothing arrives for too long: a peer that vanished never closes its connection.
fn silence_is_an_error<T: Send + 'static>(
    stream: impl Stream<Item = Result<T, ClientError>> + Send + 'static,
) -> impl Stream<Item = Result<T, ClientError>> + Send + 'static {
    stream::unfold(Some(stream.boxed()), |stream| async move {
        let mut stream = stream?;
        match tokio::time::timeout(EVENTS_SILENCE, stream.next()).await {
            Ok(item) => item.map(|item| (item, Some(stream))),
            Err(_) => Some((Err(ClientError::Silent), None)),
        }
    })
}

/// Counts the snapshots in a Server-Sent Events stream. Their content is ignored: it covers only the default window, and
/// pages request their own figures.
#[derive(Debug, Default)]
struct EventCounter {
    line: Vec<u8>,
    is_snapshot: bool,
}

impl EventCounter {
    /// Longer than any line that matters. The rest of a line is dropped, so that no peer can exhaust memory.
    const LINE_MAX: usize = 64;

    /// Takes the next bytes and returns how many snapshots ended in them.
    fn push(&mut self, bytes: &[u8]) -> usize {
        bytes.iter().filter(|&&byte| self.push_byte(byte)).count()
    }

    /// Whether a snapshot ended with this byte.
    fn push_byte(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' => self.end_line(),
            b'\r' => false,
            _ => {
                if self.line.len() < Self::LINE_MAX {
                    self.line.push(byte);
                }
                false
            }
        }
    }

    fn end_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return std::mem::take(&mut self.is_snapshot);
        }
        if let Some(name) = line.strip_prefix(b"event:") {
            self.is_snapshot = name.trim_ascii() == SNAPSHOT_EVENT.as_bytes();
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        ": hello\n\nevent: snapshot\ndata: {}\n\nevent: other\ndata: {}\n\nevent:snapshot\r\ndata: {}\r\n\r\n: bye\n\n";

    #[test]
    fn snapshots_are_counted() {
        assert_eq!(EventCounter::default().push(STREAM.as_bytes()), 2);
    }

    #[test]
    fn snapshots_are_counted_however_the_bytes_are_cut() {
        for size in 1..STREAM.len() {
            let mut events = EventCounter::default();
            let count: usize = STREAM.as_bytes().chunks(size).map(|chunk| events.push(chunk)).sum();
            assert_eq!(count, 2, "chunks of {size}");
        }
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut events = EventCounter::default();
        events.push(&vec![b'x'; 1 << 20]);
        assert!(events.line.capacity() <= 2 * EventCounter::LINE_MAX);
    }
}
