//! The HTTP server of analytics and of the dashboard: how connections are accepted, how many there may be, and how they end.
//!
//! Connections are bounded below what the process may open, so that descriptors are left for the broker and for files, and
//! bounded for each client, so that none takes all. See [`Connections`] for who makes room.

mod connections;
mod listen;
mod peer;

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use axum::serve::Listener;
use clap::Args;
use http_body::{Frame, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

pub use self::connections::Connections;
use self::connections::{Requests, Use};
pub use self::listen::listen;
pub use self::peer::{Neighbour, Peer, Proxies};
use crate::time::parse_duration;

/// Descriptors that are left for all else.
const KEPT_BACK: u64 = 32;

/// What a connection may keep of a request whose head is not complete.
const HEAD_BYTES: usize = 32 * 1024;

/// Who may take how much of an HTTP server.
#[derive(Debug, Clone, Args)]
pub struct HttpSettings {
    /// The most connections at a time; never more than half of the descriptors that the process may open
    #[arg(long, env = "HTTP_CONNECTIONS", default_value_t = 4096, value_name = "N", value_parser = at_least_one)]
    pub http_connections: usize,
    /// The most connections of one client (an IPv4 address, or the first 64 bits of an IPv6 one); never more than three
    /// quarters of all
    #[arg(long, env = "HTTP_CONNECTIONS_PER_CLIENT", default_value_t = 1024, value_name = "N", value_parser = at_least_one)]
    pub http_connections_per_client: usize,
    /// How long the head of a request may take, and how long a connection may wait for its next request
    #[arg(long, env = "HTTP_TIMEOUT", default_value = "20s", value_name = "DURATION", value_parser = parse_duration)]
    pub http_timeout: Duration,
    /// Proxies in front, as addresses or networks like 10.0.0.0/8, separated by commas: their X-Forwarded-For names the
    /// client, and they may have any number of connections
    #[arg(long, env = "TRUSTED_PROXIES", default_value = "", value_name = "NETWORKS", hide_default_value = true)]
    pub trusted_proxies: Proxies,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            http_connections: 4096,
            http_connections_per_client: 1024,
            http_timeout: Duration::from_secs(20),
            trusted_proxies: Proxies::default(),
        }
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a number from 1 is needed".to_owned())
}

impl HttpSettings {
    /// The connections of a process that may open so many descriptors; `None` is any number.
    fn connections(&self, descriptors: Option<u64>) -> Connections {
        // Half: `vigia` has two servers, and each request of a dashboard may cost it a connection to analytics.
        let may = descriptors
            .map_or(usize::MAX, |limit| usize::try_from((limit / 2).saturating_sub(KEPT_BACK)).unwrap_or(usize::MAX));
        let most = self.http_connections.min(may).max(4);
        if most < self.http_connections {
            tracing::info!(most, descriptors, "connections are bounded by the descriptors of the process (ulimit -n)");
        }
        Connections::new(most, self.http_connections_per_client.min(most - most / 4))
    }
}

/// Serves until `shutdown` is cancelled, and returns when the last response has been sent. Each request carries its [`Peer`] and its
/// [`Neighbour`] as extensions.
pub async fn serve(listener: TcpListener, router: Router, settings: &HttpSettings, shutdown: CancellationToken) {
    let connections = settings.connections(getrlimit(Resource::Nofile).current);
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    // The time runs from the connection's first moment, and again from the end of each response: a client that trickles
    // bytes (Slowloris) is cut off, and so is one that sends nothing.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(settings.http_timeout).max_buf_size(HEAD_BYTES);
    let proxies = Arc::new(settings.trusted_proxies.clone());
    let graceful = GracefulShutdown::new();
    let mut listener = listener;
    // Accepting is tried again while no descriptor is free.
    while let Some((socket, address)) = shutdown.run_until_cancelled(Listener::accept(&mut listener)).await {
        let address = address.ip();
        let peer = Peer::from(address);
        let Some(mut admitted) = connections.admit(peer, proxies.contains(address)) else { continue };
        // Otherwise an answer in two writes would wait for the client's acknowledgement. A socket that refuses the option is
        // about to fail anyway.
        let _failed = socket.set_nodelay(true);
        let serving =
            Serving { router: router.clone(), address, proxies: Arc::clone(&proxies), requests: admitted.requests() };
        let connection = builder.serve_connection(TokioIo::new(socket), TowerToHyperService::new(serving)).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::select! {
                result = connection => if let Err(error) = result {
                    tracing::debug!(%error, "a connection was lost");
                },
                () = admitted.cut() => tracing::debug!(?peer, "a connection made room for another"),
            }
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// The routes for one connection.
#[derive(Clone)]
struct Serving {
    router: Router,
    address: IpAddr,
    proxies: Arc<Proxies>,
    requests: Requests,
}

impl<B> Service<Request<B>> for Serving
where
    Router: Service<Request<B>, Response = Response, Error = Infallible>,
    <Router as Service<Request<B>>>::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let peer = Peer::from(self.proxies.client(self.address, request.headers()));
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Neighbour(self.address));
        let in_use = self.requests.begin();
        let answered = self.router.call(request);
        Box::pin(async move { Ok(answered.await?.map(|body| Body::new(InUse { body, _in_use: in_use }))) })
    }
}

/// A body, until whose end its connection is in use.
struct InUse {
    body: Body,
    _in_use: Use,
}

impl HttpBody for InUse {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests;
