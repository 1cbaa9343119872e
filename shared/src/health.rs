//! Asks a program on this machine over HTTP whether it is healthy: the health check of an image that has no shell.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{ArgMatches, Args};

use crate::api::path::LIVEZ;
use crate::settings::as_client;
use crate::time::parse_duration;

/// A status line is shorter than this; what follows it does not matter.
const STATUS_LINE_MAX: usize = 1024;

/// What `health` asks for. The program's own `BIND` gives the address.
#[derive(Debug, Clone, Args)]
pub struct HealthSettings {
    /// Path to ask for
    #[arg(long, default_value = LIVEZ, value_name = "PATH", value_parser = check_path)]
    pub path: String,
    /// How long the answer may take
    #[arg(long, default_value = "2s", value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// Whether a command line is that of `health`. It needs `BIND`, and none of what the program's settings name.
pub(crate) fn is_asked(matches: &ArgMatches) -> bool {
    matches.subcommand_name() == Some("health")
}

/// Why a program is not known to be healthy.
#[derive(Debug, thiserror::Error)]
pub enum Unwell {
    /// It answers, but with a status other than 200.
    #[error("it answers {0:?}")]
    Answer(String),
    /// There is no answer in time.
    #[error("no answer: {0}")]
    Silent(#[from] io::Error),
}

impl HealthSettings {
    /// Asks what listens on `bind`, and prints the outcome as one line on standard error: 0 if it is healthy, else 1.
    #[must_use]
    pub fn check(&self, bind: SocketAddr) -> ExitCode {
        let address = as_client(bind);
        match ask(address, &self.path, self.timeout) {
            Ok(()) => {
                eprintln!("http://{address}{}: well", self.path);
                ExitCode::SUCCESS
            }
            Err(unwell) => {
                eprintln!("http://{address}{}: {unwell}", self.path);
                ExitCode::FAILURE
            }
        }
    }
}

/// Asks for a path and waits up to `timeout` for the answer's first line.
///
/// # Errors
/// The status if it is not `200`, or what prevented an answer.
pub fn ask(address: SocketAddr, path: &str, timeout: Duration) -> Result<(), Unwell> {
    let give_up_at = Instant::now() + timeout;
    let mut connection = TcpStream::connect_timeout(&address, timeout)?;
    connection.set_write_timeout(Some(timeout))?;
    write!(connection, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    while !answer.contains(&b'\n') && answer.len() < STATUS_LINE_MAX {
        let left = give_up_at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        connection.set_read_timeout(Some(left))?;
        let mut bytes = [0; 256];
        match connection.read(&mut bytes)? {
            0 => break,
            count => answer.extend_from_slice(&bytes[..count]),
        }
    }
    let line = answer.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).trim().to_owned();
    let mut words = line.split(' ');
    match (words.next().is_some_and(|version| version.starts_with("HTTP/1.")), words.next()) {
        (true, Some("200")) => Ok(()),
        _ => Err(Unwell::Answer(line)),
    }
}

fn check_path(text: &str) -> Result<String, String> {
    if text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err("a path like /readyz is needed".to_owned())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(50);

    /// A server for one request. Gives the request, once it has answered with the given pieces.
    pub(crate) fn serve(pieces: &'static [&'static str]) -> (SocketAddr, thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let server = thread::spawn(move || {
            let (mut connection, _client) = listener.accept().expect("a client");
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && connection.read(&mut byte).is_ok_and(|count| count == 1) {
                request.extend_from_slice(&byte);
            }
            for piece in pieces {
                // The client may have left already, if it had read enough of the answer.
                let _left = connection.write_all(piece.as_bytes());
            }
            String::from_utf8(request).expect("text")
        });
        (address, server)
    }

    #[test]
    fn a_program_that_answers_200_is_well() {
        let (address, server) = serve(&["HTT", "P/1.1 20", "0 OK\r\n", "content-length: 2\r\n\r\nok"]);
        ask(address, "/livez", LONG).expect("a well program");
        let request = server.join().expect("a request");
        assert!(request.starts_with("GET /livez HTTP/1.1\r\n"), "{request}");
    }

    #[test]
    fn any_other_answer_is_told() {
        for (pieces, told) in [
            (&["HTTP/1.1 503 Service Unavailable\r\n\r\n"][..], "HTTP/1.1 503 Service Unavailable"),
            (&["-ERR unknown command\r\n"], "-ERR unknown command"),
            (&["SSH-2.0-x 200\r\n"], "SSH-2.0-x 200"),
            (&["HTTP/1.1 2000\r\n"], "HTTP/1.1 2000"),
            (&[], ""),
        ] {
            let (address, server) = serve(pieces);
            let error = ask(address, "/livez", LONG).expect_err("not well");
            assert!(matches!(&error, Unwell::Answer(line) if line == told), "{error}");
            server.join().expect("a request");
        }
    }

    #[test]
    fn a_program_that_does_not_answer_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        assert!(matches!(ask(address, "/livez", SHORT), Err(Unwell::Silent(_))), "it listens and says nothing");
        drop(listener);
        assert!(matches!(ask(address, "/livez", LONG), Err(Unwell::Silent(_))), "nobody listens");
    }

    #[test]
    fn only_paths_are_asked_for() {
        assert!(check_path("/readyz?verbose").is_ok());
        for bad in ["", "readyz", "/a b", "/a\r\nX: y"] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
    }
}
