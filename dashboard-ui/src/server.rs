//! Connections: how they are accepted, and how they end.

use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio_util::sync::CancellationToken;

/// How long the head of a request may take, from its first byte or from the end of the previous response. A browser simply
/// reconnects; a client that trickles bytes to hold connections (Slowloris) is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves until `shutdown` is cancelled, and returns when the last response has been sent. Unlike `axum::serve`, it does not
/// wait for a request forever.
pub(crate) async fn serve(mut listener: impl Listener, router: Router, shutdown: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let connections = GracefulShutdown::new();
    while let Some((socket, _)) = shutdown.run_until_cancelled(listener.accept()).await {
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(socket), service).into_owned();
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection was lost");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}
