//! Over real sockets: who is let in, who makes room, and who is cut off.

use std::net::SocketAddr;

use axum::routing::get;
use futures::stream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::*;
use crate::testing::{DEADLINE, until_async};

/// A server with a route that answers at once, and one whose answer does not end.
struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
}

impl Server {
    async fn start(settings: HttpSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let (address, shutdown) = (listener.local_addr().expect("its address"), CancellationToken::new());
        let endless = || async { Body::from_stream(stream::pending::<Result<Bytes, Infallible>>()) };
        let who = |axum::Extension(peer): axum::Extension<Peer>| async move { format!("{peer:?}") };
        let router = Router::new().route("/", get(who)).route("/endless", get(endless));
        let stop = shutdown.clone();
        tokio::spawn(async move { serve(listener, router, &settings, stop).await });
        Self { address, shutdown }
    }

    /// A connection of the client 127.0.0.`client`.
    async fn connect(&self, client: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 0, client], 0).into()).expect("an address of this machine");
        socket.connect(self.address).await.expect("a connection")
    }

    /// A connection with an answer that does not end; `None` if it is turned away.
    async fn stream(&self, client: u8) -> Option<TcpStream> {
        let mut socket = self.connect(client).await;
        ask(&mut socket, "/endless").await.then_some(socket)
    }

    /// Whether a new connection of a client is answered.
    async fn answers(&self, client: u8) -> bool {
        ask(&mut self.connect(client).await, "/").await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Whether a request is answered.
async fn ask(socket: &mut TcpStream, path: &str) -> bool {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut start = [0; 12];
    // A connection that was turned away is reset.
    let answered = async {
        socket.write_all(request.as_bytes()).await?;
        socket.read_exact(&mut start).await
    };
    answered.await.is_ok_and(|_| &start == b"HTTP/1.1 200")
}

/// Waits until the server ends a connection.
async fn end(mut socket: TcpStream) {
    let ended = async { while socket.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(DEADLINE, ended).await.expect("the server ends the connection");
}

fn few() -> HttpSettings {
    HttpSettings { http_connections: 8, http_connections_per_client: 4, ..HttpSettings::default() }
}

#[tokio::test]
async fn who_sends_no_whole_head_in_time_is_cut_off() {
    let server = Server::start(HttpSettings { http_timeout: Duration::from_millis(100), ..few() }).await;
    let silent = server.connect(1).await;
    let mut slow = server.connect(2).await;
    slow.write_all(b"GET / HTTP/1.1\r\nhost").await.expect("a part of a head");
    let mut kept_alive = server.connect(3).await;
    assert!(ask(&mut kept_alive, "/").await);
    let streaming = server.stream(4).await.expect("a stream");
    for socket in [silent, slow, kept_alive] {
        end(socket).await;
    }
    let mut byte = [0; 1];
    let is_open = streaming.try_read(&mut byte).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        || byte[0] != 0;
    assert!(is_open, "an answer may take longer than a request");
}

#[tokio::test]
async fn a_client_that_takes_all_it_may_loses_idle_connections_and_gets_no_more_busy_ones() {
    let server = Server::start(few()).await;
    let mut idle = Vec::new();
    for _ in 0..12 {
        idle.push(server.connect(2).await);
    }
    // The oldest made room, one after the other.
    for socket in idle.drain(..8) {
        end(socket).await;
    }
    assert!(server.answers(2).await, "an idle one makes room");
    drop(idle);
    let mut streams = Vec::new();
    for _ in 0..4 {
        streams.push(server.stream(3).await.expect("a stream"));
    }
    assert!(server.stream(3).await.is_none(), "none of its connections is idle");
    assert!(server.answers(1).await, "others have their share");
    streams.pop();
    until_async("the place is free again", DEADLINE, async || server.stream(3).await.ok_or("turned away")).await;
}

#[tokio::test]
async fn whoever_has_few_connections_gets_in_when_there_are_too_many() {
    let server = Server::start(few()).await;
    let mut streams = Vec::new();
    for client in [2, 3] {
        for _ in 0..4 {
            streams.push(server.stream(client).await.expect("a stream"));
        }
    }
    let mut probe = server.connect(4).await;
    assert!(ask(&mut probe, "/").await, "the client with the most makes room");
    // Of two equal ones, the one with the larger address; its oldest.
    end(streams.remove(4)).await;
    assert!(server.stream(2).await.is_none(), "whoever has as many as any other does not");
}

#[tokio::test]
async fn a_proxy_has_any_share_and_names_the_client() {
    let proxies = "127.0.0.2".parse().expect("an address");
    let server = Server::start(HttpSettings { trusted_proxies: proxies, ..few() }).await;
    let mut streams = Vec::new();
    for _ in 0..6 {
        streams.push(server.stream(2).await.expect("a stream"));
    }
    for (client, named) in [(2, "203.0.113.9"), (3, "127.0.0.3")] {
        let mut socket = server.connect(client).await;
        let request = b"GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 203.0.113.9\r\nconnection: close\r\n\r\n";
        socket.write_all(request).await.expect("a request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.ends_with(&format!("Peer({named})")), "{answer}");
    }
}

#[test]
fn descriptors_are_kept_back() {
    let settings = HttpSettings::default();
    let bounds = |descriptors| format!("{:?}", settings.connections(descriptors));
    assert!(bounds(Some(300)).contains("most: 118, most_of_peer: 89"), "{}", bounds(Some(300)));
    assert!(bounds(None).contains("most: 4096, most_of_peer: 1024"), "{}", bounds(None));
    assert!(bounds(Some(8)).contains("most: 4, most_of_peer: 3"), "{}", bounds(Some(8)));
}
