//! The reply to XREAD, byte by byte.
//!
//! [`ReplyParser::feed`] walks over what has arrived so far, hands every complete entry to a [`Visitor`] as slices of those
//! bytes, and says how many bytes it is done with; the rest is fed again with more behind it. It reads RESP2
//! (`*1 *2 name entries`) and RESP3 (`%1 name entries`) alike. A reply may be split anywhere.
//!
//! The socket's side visits with an [`Extent`], which only looks for the reply's end, so that the next XREAD leaves as soon
//! as the last id is known; the decoder visits the whole reply once more, meanwhile and on another thread.

use super::stream_id::StreamId;

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

/// Takes what a [`ReplyParser`] finds.
pub trait Visitor<'a> {
    /// An entry begins. It may turn out to be cut off: then it begins again with the next bytes.
    fn begin(&mut self) {}

    /// A field of the entry, and its value.
    fn field(&mut self, _name: &'a [u8], _value: &'a [u8]) {}

    /// The entry is complete.
    fn end(&mut self, entry: EntryRef<'a>);
}

/// A complete entry, whose fields still lie in the reply's bytes.
#[derive(Debug, Clone, Copy)]
pub struct EntryRef<'a> {
    /// The entry's id.
    pub id: StreamId,
    /// The bytes of the field/value items, headers included.
    items: &'a [u8],
}

impl<'a> EntryRef<'a> {
    /// The field/value pairs, in the order of the entry, walked over once more.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let mut cursor = Cursor { bytes: self.items, at: 0 };
        std::iter::from_fn(move || Some((cursor.bulk().ok()??, cursor.bulk().ok()??)))
    }
}

/// How far a reply reaches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Number of entries.
    pub entries: u64,
    /// Id of the last of them.
    pub last_id: StreamId,
}

impl Visitor<'_> for Extent {
    fn end(&mut self, entry: EntryRef<'_>) {
        self.entries += 1;
        self.last_id = entry.id;
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
    pub fn feed<'a>(&mut self, bytes: &'a [u8], visitor: &mut impl Visitor<'a>) -> Result<usize, ReplyError> {
        let mut cursor = Cursor { bytes, at: 0 };
        let mut done = 0;
        while self.at != At::End {
            match self.step(&mut cursor, visitor) {
                Ok(next) => {
                    self.at = next;
                    done = cursor.at;
                }
                Err(Stop::Incomplete) => break,
                Err(Stop::Malformed(why)) => return Err(ReplyError::Malformed(why)),
                Err(Stop::Server) => {
                    let line = String::from_utf8_lossy(&bytes[1..cursor.at]).trim_end().to_owned();
                    return Err(ReplyError::Server(line));
                }
            }
        }
        Ok(done)
    }

    fn step<'a>(&self, cursor: &mut Cursor<'a>, visitor: &mut impl Visitor<'a>) -> Result<At, Stop> {
        match self.at {
            At::Start => start(cursor),
            At::Name => {
                cursor.bulk()?.ok_or(MALFORMED_NAME)?;
                Ok(At::Entries)
            }
            At::Entries => Ok(match cursor.header()? {
                (b'*', count) if count > 0 => At::Entry(count.unsigned_abs()),
                (b'*', 0) => At::End,
                _ => return Err(Stop::Malformed("an array of entries is expected")),
            }),
            At::Entry(remaining) => {
                next_entry(cursor, visitor)?;
                Ok(if remaining == 1 { At::End } else { At::Entry(remaining - 1) })
            }
            At::End => Ok(At::End),
        }
    }
}

/// A length has so many digits at most; more would not fit into 64 bits.
const LENGTH_DIGITS: usize = 18;

const MALFORMED_NAME: Stop = Stop::Malformed("the stream's name is expected");
const MALFORMED_ENTRY: Stop = Stop::Malformed("an id with its fields is expected");

fn start(cursor: &mut Cursor<'_>) -> Result<At, Stop> {
    match cursor.peek()? {
        b'-' => {
            cursor.line()?;
            Err(Stop::Server)
        }
        b'_' => cursor.line().map(|_| At::End),
        _ => match cursor.header()? {
            (b'*', -1) => Ok(At::End),
            (b'*', 1) => match cursor.header()? {
                (b'*', 2) => Ok(At::Name),
                _ => Err(Stop::Malformed("a pair of name and entries is expected")),
            },
            (b'%', 1) => Ok(At::Name),
            _ => Err(Stop::Malformed("one stream is expected")),
        },
    }
}

/// The next entry. One without fields, as a deleted one may be told, has no pairs.
fn next_entry<'a>(cursor: &mut Cursor<'a>, visitor: &mut impl Visitor<'a>) -> Result<(), Stop> {
    if cursor.header()? != (b'*', 2) {
        return Err(MALFORMED_ENTRY);
    }
    let id = cursor.bulk()?.and_then(StreamId::from_bytes).ok_or(MALFORMED_ENTRY)?;
    let pairs = match cursor.peek()? {
        b'_' => cursor.line().map(|_| (b'*', 0))?,
        _ => cursor.header()?,
    };
    let pairs = match pairs {
        (b'*', -1) => 0,
        (b'*', items) if items >= 0 && items % 2 == 0 => items / 2,
        (b'%', pairs) if pairs >= 0 => pairs,
        _ => return Err(MALFORMED_ENTRY),
    };
    let first = cursor.at;
    visitor.begin();
    for _ in 0..pairs {
        let name = cursor.bulk()?.ok_or(MALFORMED_ENTRY)?;
        let value = cursor.bulk()?.ok_or(MALFORMED_ENTRY)?;
        visitor.field(name, value);
    }
    visitor.end(EntryRef { id, items: &cursor.bytes[first..cursor.at] });
    Ok(())
}

/// Why a step could not be finished. Small, as nearly every function here returns it.
#[derive(Debug)]
enum Stop {
    /// The bytes end before the item does.
    Incomplete,
    /// The reply is of no use.
    Malformed(&'static str),
    /// The line up to the cursor is an error of the server.
    Server,
}

/// A position in the bytes at hand.
#[derive(Debug)]
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    #[inline]
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
            return Err(Stop::Malformed("a line is expected"));
        }
        self.at += end + 2;
        Ok(&rest[..end])
    }

    /// The type and the number of a header line such as `*2` or `$14`.
    #[inline(always)]
    fn header(&mut self) -> Result<(u8, i64), Stop> {
        // Nearly all numbers have one digit or two, and each item of a reply begins with one: this is where its time goes.
        let (kind, number, length) = match self.bytes.get(self.at..).unwrap_or_default() {
            [kind, ones @ b'0'..=b'9', b'\r', b'\n', ..] => (*kind, digit(*ones), 4),
            [kind, tens @ b'0'..=b'9', ones @ b'0'..=b'9', b'\r', b'\n', ..] => {
                (*kind, 10 * digit(*tens) + digit(*ones), 5)
            }
            _ => return self.any_header(),
        };
        self.at += length;
        Ok((kind, number))
    }

    /// The same for every number, and for what is none.
    #[cold]
    fn any_header(&mut self) -> Result<(u8, i64), Stop> {
        const MALFORMED: Stop = Stop::Malformed("a length is expected");
        let (&kind, behind) = self.bytes[self.at..].split_first().ok_or(Stop::Incomplete)?;
        let end = behind.iter().position(|&byte| byte == b'\r').ok_or(Stop::Incomplete)?;
        let number = match &behind[..end] {
            b"-1" => -1,
            digits if !digits.is_empty() && digits.len() <= LENGTH_DIGITS && digits.iter().all(u8::is_ascii_digit) => {
                digits.iter().fold(0, |number, &byte| number * 10 + digit(byte))
            }
            _ => return Err(MALFORMED),
        };
        match behind.get(end + 1) {
            Some(b'\n') => {
                self.at += end + 3;
                Ok((kind, number))
            }
            Some(_) => Err(MALFORMED),
            None => Err(Stop::Incomplete),
        }
    }

    /// The bytes of a string; `None` for a null.
    #[inline(always)]
    fn bulk(&mut self) -> Result<Option<&'a [u8]>, Stop> {
        let length = match self.peek()? {
            b'$' => self.header()?.1,
            b'+' => return self.line().map(|line| Some(&line[1..])),
            _ => return Err(Stop::Malformed("a string is expected")),
        };
        let Ok(length) = usize::try_from(length) else { return Ok(None) };
        let (text, behind) = self.bytes[self.at..].split_at_checked(length).ok_or(Stop::Incomplete)?;
        match behind {
            [b'\r', b'\n', ..] => {
                self.at += length + 2;
                Ok(Some(text))
            }
            [] | [b'\r'] => Err(Stop::Incomplete),
            _ => Err(Stop::Malformed("the end of a string is expected")),
        }
    }
}

const fn digit(byte: u8) -> i64 {
    (byte - b'0') as i64
}
