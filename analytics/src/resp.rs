//! One pass over the reply to XREAD, as its bytes arrive.
//!
//! [`ReplyParser::feed`] takes what the socket has given so far, hands every complete entry to the caller as slices of
//! those bytes, and says how many bytes it is done with; the rest is fed again with more behind it. It reads RESP2
//! (`*1 *2 name entries`) and RESP3 (`%1 name entries`) alike. A reply may be split anywhere.

use crate::stream_id::StreamId;

/// The reply was not what XREAD answers, or it was an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The server answered with an error, `CODE message`.
    #[error("{0}")]
    Server(String),
    /// The bytes are not a reply to XREAD.
    #[error("the reply to XREAD is malformed: {0}")]
    Malformed(&'static str),
}

/// An entry whose fields still lie in the reply's bytes.
#[derive(Debug, Clone, Copy)]
pub struct EntryRef<'a> {
    /// The entry's id.
    pub id: StreamId,
    /// The bytes of the field/value items, headers included.
    items: &'a [u8],
    /// Number of field/value pairs.
    pairs: usize,
}

impl<'a> EntryRef<'a> {
    /// The field/value pairs, in the order of the entry.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut cursor = Cursor { bytes: self.items, at: 0 };
        (0..self.pairs).map_while(move |_| {
            // The items were walked once to find the entry's end, so they are complete and well-formed.
            let name = cursor.bulk().ok().flatten()?;
            let value = cursor.bulk().ok().flatten()?;
            Some((name, value))
        })
    }
}

/// Where in the reply the parser stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first byte.
    Start,
    /// Before the stream's name.
    Name,
    /// Before the array of entries.
    Entries,
    /// Before an entry, with this many to come.
    Entry(u64),
    /// After the last byte.
    End,
}

/// Parses one reply; see the module.
#[derive(Debug)]
pub struct ReplyParser {
    at: At,
}

impl Default for ReplyParser {
    fn default() -> Self {
        Self { at: At::Start }
    }
}

impl ReplyParser {
    /// Whether the whole reply has been parsed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.at == At::End
    }

    /// Parses as far as `bytes` reach and returns how many of them are done with.
    ///
    /// # Errors
    /// [`ReplyError`]; the connection is of no use afterwards unless the server sent the error itself.
    pub fn feed(&mut self, bytes: &[u8], mut entry: impl FnMut(EntryRef<'_>)) -> Result<usize, ReplyError> {
        let mut cursor = Cursor { bytes, at: 0 };
        let mut done = 0;
        while self.at != At::End {
            match self.step(&mut cursor, &mut entry) {
                Ok(next) => {
                    self.at = next;
                    done = cursor.at;
                }
                Err(Stop::Incomplete) => break,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        Ok(done)
    }

    fn step(&self, cursor: &mut Cursor<'_>, entry: &mut impl FnMut(EntryRef<'_>)) -> Result<At, Stop> {
        match self.at {
            At::Start => start(cursor),
            At::Name => {
                cursor.bulk()?.ok_or(MALFORMED_NAME)?;
                Ok(At::Entries)
            }
            At::Entries => Ok(match cursor.header()? {
                (b'*', count) if count > 0 => At::Entry(count.unsigned_abs()),
                (b'*', 0) => At::End,
                _ => return Err(Stop::Failed(ReplyError::Malformed("an array of entries is expected"))),
            }),
            At::Entry(remaining) => {
                if let Some(found) = next_entry(cursor)? {
                    entry(found);
                }
                Ok(if remaining == 1 { At::End } else { At::Entry(remaining - 1) })
            }
            At::End => Ok(At::End),
        }
    }
}

const MALFORMED_NAME: Stop = Stop::Failed(ReplyError::Malformed("the stream's name is expected"));
const MALFORMED_ENTRY: Stop = Stop::Failed(ReplyError::Malformed("an id with its fields is expected"));

fn start(cursor: &mut Cursor<'_>) -> Result<At, Stop> {
    match cursor.peek()? {
        b'-' => {
            let line = cursor.line()?;
            Err(Stop::Failed(ReplyError::Server(String::from_utf8_lossy(&line[1..]).into_owned())))
        }
        b'_' => cursor.line().map(|_| At::End),
        _ => match cursor.header()? {
            (b'*', -1) => Ok(At::End),
            (b'*', 1) => match cursor.header()? {
                (b'*', 2) => Ok(At::Name),
                _ => Err(Stop::Failed(ReplyError::Malformed("a pair of name and entries is expected"))),
            },
            (b'%', 1) => Ok(At::Name),
            _ => Err(Stop::Failed(ReplyError::Malformed("one stream is expected"))),
        },
    }
}

/// The next entry, or `None` for one that was deleted and has no fields any more.
fn next_entry<'a>(cursor: &mut Cursor<'a>) -> Result<Option<EntryRef<'a>>, Stop> {
    if cursor.header()? != (b'*', 2) {
        return Err(MALFORMED_ENTRY);
    }
    let id = cursor.bulk()?.and_then(StreamId::from_bytes).ok_or(MALFORMED_ENTRY)?;
    if cursor.peek()? == b'_' {
        cursor.line()?;
        return Ok(None);
    }
    let pairs = match cursor.header()? {
        (b'*', -1) => return Ok(None),
        (b'*', items) if items >= 0 && items % 2 == 0 => items.unsigned_abs() / 2,
        (b'%', pairs) if pairs >= 0 => pairs.unsigned_abs(),
        _ => return Err(MALFORMED_ENTRY),
    };
    let pairs = usize::try_from(pairs).map_err(|_| MALFORMED_ENTRY)?;
    let first = cursor.at;
    for _ in 0..pairs * 2 {
        cursor.bulk()?.ok_or(MALFORMED_ENTRY)?;
    }
    Ok(Some(EntryRef { id, items: &cursor.bytes[first..cursor.at], pairs }))
}

/// Why a step could not be finished.
#[derive(Debug)]
enum Stop {
    /// The bytes end before the item does.
    Incomplete,
    /// The reply is of no use.
    Failed(ReplyError),
}

/// A position in the bytes at hand.
#[derive(Debug)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Result<u8, Stop> {
        self.bytes.get(self.at).copied().ok_or(Stop::Incomplete)
    }

    /// A line without its end; the first byte is the type.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\r').ok_or(Stop::Incomplete)?;
        if rest.len() < end + 2 {
            return Err(Stop::Incomplete);
        }
        if rest[end + 1] != b'\n' || end == 0 {
            return Err(Stop::Failed(ReplyError::Malformed("a line is expected")));
        }
        self.at += end + 2;
        Ok(&rest[..end])
    }

    /// The type and the number of a header line such as `*2` or `$14`.
    fn header(&mut self) -> Result<(u8, i64), Stop> {
        let line = self.line()?;
        let number = match &line[1..] {
            b"-1" => -1,
            digits if !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit) => {
                digits.iter().fold(0_i64, |number, digit| number * 10 + i64::from(digit - b'0'))
            }
            _ => return Err(Stop::Failed(ReplyError::Malformed("a length is expected"))),
        };
        Ok((line[0], number))
    }

    /// The bytes of a string; `None` for a null.
    fn bulk(&mut self) -> Result<Option<&'a [u8]>, Stop> {
        if self.peek()? == b'+' {
            return self.line().map(|line| Some(&line[1..]));
        }
        let (b'$', length) = self.header()? else {
            return Err(Stop::Failed(ReplyError::Malformed("a string is expected")));
        };
        if length < 0 {
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| Stop::Incomplete)?;
        let (start, end) = (self.at, self.at.saturating_add(length));
        if self.bytes.len() < end.saturating_add(2) {
            return Err(Stop::Incomplete);
        }
        if &self.bytes[end..end + 2] != b"\r\n" {
            return Err(Stop::Failed(ReplyError::Malformed("the end of a string is expected")));
        }
        self.at = end + 2;
        Ok(Some(&self.bytes[start..end]))
    }
}
