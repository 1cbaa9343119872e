//! How a program is told to stop: SIGTERM, or Ctrl-C.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Gives a token that the first SIGTERM or SIGINT cancels. The handlers are in place when this returns, so there is no
/// moment at which a signal finds none. A second signal ends the program at once. Must be called within a tokio
/// runtime.
///
/// # Errors
/// If the system does not allow signals to be handled.
pub fn on_signal() -> std::io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = CancellationToken::new();
    let told = shutdown.clone();
    tokio::spawn(async move {
        for is_first in [true, false] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if !is_first {
                // Shells report 128 plus the signal's number; this uses SIGINT's for either signal.
                std::process::exit(130);
            }
            info!(signal = name, "ends");
            told.cancel();
        }
    });
    Ok(shutdown)
}
