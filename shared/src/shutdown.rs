//! How a program is told to end: SIGTERM, or Ctrl-C.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// A token that the first SIGTERM or SIGINT cancels. The handlers are in place when this returns, so that no signal
/// finds the program without them; a second signal ends the program at once. Must be called within a tokio runtime.
///
/// # Errors
/// When the system does not let signals be handled.
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
                // 128 and the signal's number, as shells say it; here for either signal that of SIGINT.
                std::process::exit(130);
            }
            info!(signal = name, "ends");
            told.cancel();
        }
    });
    Ok(shutdown)
}
