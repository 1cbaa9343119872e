//! Asks a program over HTTP, blocking and without a client library.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use super::wait::DEADLINE;

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is something else.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("no JSON: {error}: {self:?}"))
    }
}

/// Asks for a path and waits for the whole answer, whatever its status.
///
/// # Errors
/// Where nobody answers.
pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> io::Result<Answer> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(DEADLINE))?;
    // By the older version of the protocol, an answer comes in one piece and ends with the connection.
    let mut request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    connection.write_all((request + "\r\n").as_bytes())?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not one of HTTP"))
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::tests::serve;

    #[test]
    fn an_answer_is_taken_apart() {
        let (address, server) = serve(&["HTTP/1.0 404 Not Found\r\na: b\r\n\r\n", "{\"c\":1}"]);
        let answer = get(address, "/x?y", &[("Accept", "*/*")]).expect("an answer");
        assert_eq!((answer.status, answer.head.as_str()), (404, "HTTP/1.0 404 Not Found\r\na: b"));
        assert_eq!(answer.json(), serde_json::json!({"c": 1}));
        let request = server.join().expect("a request");
        assert_eq!(request, format!("GET /x?y HTTP/1.0\r\nHost: {address}\r\nAccept: */*\r\n\r\n"));
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for answer in ["", "HTTP/1.1 200 OK\r\n", "-ERR unknown command\r\n\r\n", "HTTP/1.1 fine\r\n\r\n"] {
            assert_eq!(parse(answer), None, "{answer:?}");
        }
    }
}
