//! The hot read path: XREAD over a connection of its own, its reply taken as the bytes arrive.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use redis::{Cmd, ConnectionAddr, cmd};
use rustls::pki_types::ServerName;
use shared::UnixMillis;
use shared::broker::{Failure, Finder, Place};
use shared::codec::u64_from;
use shared::settings::Certificates;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{LogError, REPLY_BYTES_MAX, Reader, Reply, failed};
use crate::ingest::resp::{Extent, ReplyParser};
use crate::ingest::stream_id::StreamId;

/// How long a connection may take to be made.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Room made in the buffer before each read from the socket. A reply of many entries arrives in pieces of this size.
const READ_BYTES: usize = 256 * 1024;

/// A reply that does not go on for so long is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Reads one stream of a Redis.
pub struct SocketReader {
    finder: Arc<Finder>,
    place: Place,
    stream: Box<dyn Stream>,
    buffer: BytesMut,
    key: String,
    /// Bytes of the last reply: room for as many is made at once for the next, as growing means copying.
    expected: usize,
}

impl SocketReader {
    /// Connects to where the stream is, authenticates, selects the database, and asks what the server says of itself, if it may.
    ///
    /// # Errors
    /// [`LogError::Away`] when the broker cannot be reached, [`LogError::Refused`] when it does not let us in.
    pub(super) async fn connect(
        finder: &Arc<Finder>,
        key: &str,
        about: &Cmd,
    ) -> Result<(Self, Option<String>), LogError> {
        let place = finder.find().await?;
        let connected = Self::enter(finder, &place, key, about).await;
        connected.map_err(|error| failed(finder, &place, error))
    }

    async fn enter(
        finder: &Arc<Finder>,
        place: &Place,
        key: &str,
        about: &Cmd,
    ) -> Result<(Self, Option<String>), LogError> {
        let server = place.server();
        let stream = timeout(CONNECT_TIMEOUT, open(server.addr(), place.certificates())).await.map_err(away)??;
        let mut reader = Self {
            finder: Arc::clone(finder),
            place: place.clone(),
            stream,
            buffer: BytesMut::with_capacity(READ_BYTES),
            key: key.to_owned(),
            expected: 0,
        };
        let settings = server.redis_settings();
        if let Some(password) = settings.password() {
            let mut auth = cmd("AUTH");
            if let Some(username) = settings.username() {
                auth.arg(username);
            }
            auth.arg(password);
            reader.expect_ok(&auth).await?;
        }
        if settings.db() != 0 {
            reader.expect_ok(cmd("SELECT").arg(settings.db())).await?;
        }
        let about = match reader.text(about).await {
            Ok(about) => Some(about),
            Err(LogError::Refused(why)) if why.starts_with("NOPERM") => None,
            Err(error) => return Err(error),
        };
        Ok((reader, about))
    }

    /// Where it reads.
    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    async fn send(&mut self, command: &Cmd) -> Result<(), LogError> {
        self.stream.write_all(&command.get_packed_command()).await.map_err(away)?;
        self.stream.flush().await.map_err(away)
    }

    /// Sends a command whose answer is one line.
    async fn expect_ok(&mut self, command: &Cmd) -> Result<(), LogError> {
        self.send(command).await?;
        self.line().await.map(drop)
    }

    /// Sends a command whose answer is a text.
    async fn text(&mut self, command: &Cmd) -> Result<String, LogError> {
        self.send(command).await?;
        let line = self.line().await?;
        let length = line.strip_prefix('$').and_then(|length| length.parse::<usize>().ok());
        let length = length.ok_or_else(|| LogError::Away(format!("the broker answers {line} in place of a text")))?;
        while self.buffer.len() < length + 2 {
            self.fill(STALL_TIMEOUT).await?;
        }
        let text = self.buffer.split_to(length + 2);
        Ok(String::from_utf8_lossy(&text[..length]).into_owned())
    }

    /// The next line of an answer; an error's line is one.
    async fn line(&mut self) -> Result<String, LogError> {
        let end = loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                break end;
            }
            self.fill(STALL_TIMEOUT).await?;
        };
        let line = self.buffer.split_to(end + 2);
        let line = String::from_utf8_lossy(&line[..end]).into_owned();
        match line.strip_prefix('-') {
            Some(error) => Err(Failure::of_line(error.to_owned()).into()),
            None => Ok(line),
        }
    }

    /// The answer to TIME: `*2 $n seconds $n microseconds`.
    async fn broker_time(&mut self) -> Result<UnixMillis, LogError> {
        let mut lines: [String; 5] = Default::default();
        for line in &mut lines {
            *line = self.line().await?;
        }
        let [_array, _, seconds, _, micros] = &lines;
        let number = |line: &str| u64_from(line.as_bytes()).and_then(|number| i64::try_from(number).ok());
        let time = number(seconds).zip(number(micros));
        time.map(|(seconds, micros)| UnixMillis(seconds.saturating_mul(1_000) + micros / 1_000))
            .ok_or_else(|| away("the answer to TIME is malformed"))
    }

    /// Takes what the socket has; waits up to `patience` for the first byte.
    async fn fill(&mut self, patience: Duration) -> Result<(), LogError> {
        self.buffer.reserve(READ_BYTES);
        match timeout(patience, self.stream.read_buf(&mut self.buffer)).await.map_err(away)?.map_err(away)? {
            0 => Err(LogError::Away("the broker closed the connection".to_owned())),
            _ => Ok(()),
        }
    }
}

impl Reader for SocketReader {
    async fn read(&mut self, after: StreamId, max: usize, wait: Duration) -> Result<Reply, LogError> {
        let reply = match self.place.is_replaced() {
            true => Err(away("Sentinel names another master by now")),
            false => self.reply(after, max, wait).await,
        };
        reply.map_err(|error| failed(&self.finder, &self.place, error))
    }
}

impl SocketReader {
    /// The reply to one XREAD.
    async fn reply(&mut self, after: StreamId, max: usize, wait: Duration) -> Result<Reply, LogError> {
        let mut command = cmd("XREAD");
        // BLOCK 0 would wait for ever.
        command.arg("COUNT").arg(max).arg("BLOCK").arg(wait.as_millis().max(1).to_string());
        command.arg("STREAMS").arg(&self.key).arg(after.to_string());
        // What arrived with the reply did so before this: an id may say anything, as whoever writes an entry may choose it.
        let mut commands = command.get_packed_command();
        commands.extend(cmd("TIME").get_packed_command());
        self.stream.write_all(&commands).await.map_err(away)?;
        self.stream.flush().await.map_err(away)?;
        let room = self.expected + READ_BYTES;
        if self.buffer.is_empty() && self.buffer.capacity() > 2 * room {
            // What a backlog needed is not kept once it is over.
            self.buffer = BytesMut::new();
        }
        self.buffer.reserve(room);
        self.fill(wait + STALL_TIMEOUT).await?;
        let start = Instant::now();
        let (mut parser, mut extent, mut done) = (ReplyParser::default(), Extent::default(), 0);
        loop {
            done += parser.feed(&self.buffer[done..], &mut extent)?;
            let is_cut = !parser.is_done() && extent.entries > 0 && self.buffer.len() >= REPLY_BYTES_MAX;
            if parser.is_done() || is_cut {
                let bytes = self.buffer.split_to(done).freeze();
                self.expected = bytes.len();
                let Extent { entries, last_id } = extent;
                let read = start.elapsed();
                let broker_time = if is_cut { None } else { Some(self.broker_time().await?) };
                return Ok(Reply { bytes, entries, last_id, read, broker_time, is_cut });
            }
            self.fill(STALL_TIMEOUT).await?;
        }
    }
}

async fn open(address: &ConnectionAddr, certificates: &Certificates) -> Result<Box<dyn Stream>, LogError> {
    match address {
        ConnectionAddr::Tcp(host, port) => Ok(Box::new(tcp(host, *port).await?)),
        ConnectionAddr::TcpTls { host, port, insecure: false, .. } => {
            let name = ServerName::try_from(host.clone()).map_err(|error| LogError::Unsupported(error.to_string()))?;
            let connector = TlsConnector::from(Arc::new(certificates.config().map_err(LogError::Unsupported)?));
            let stream = connector.connect(name, tcp(host, *port).await?).await.map_err(away)?;
            Ok(Box::new(stream))
        }
        ConnectionAddr::Unix(path) => Ok(Box::new(UnixStream::connect(path).await.map_err(away)?)),
        other => Err(LogError::Unsupported(format!("the broker's address {other} is not supported"))),
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, LogError> {
    let stream = TcpStream::connect((host, port)).await.map_err(away)?;
    stream.set_nodelay(true).map_err(away)?;
    Ok(stream)
}

fn away(error: impl std::fmt::Display) -> LogError {
    LogError::Away(error.to_string())
}
