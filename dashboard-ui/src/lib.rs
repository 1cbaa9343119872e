//! The dashboard: pages rendered on the server from what analytics answers over HTTP, kept live over Server-Sent
//! Events. It knows analytics by its API only, and the pages are readable without JavaScript.
//!
//! In the order in which a request passes through:
//!
//! - [`settings`]: flags and environment variables.
//! - [`http`]: the routes, the headers of every response, and the allowed hosts.
//! - `auth`: who looks at a page, and what they may do there.
//! - [`query`]: what an address asks for; [`language`]: the language of the page.
//! - [`state`]: what the handlers share: the source, its cache, and the live rooms.
//! - [`source`]: where figures come from, and what is asked for each page: [`client`] asks analytics; [`mock`], a crate of
//!   its own, generates them.
//! - [`figures`]: the figures of each page, and how loading them went.
//! - `cache`: one load for everybody who wants the same figures at the same moment.
//! - `live`: one subscription to analytics, one rendering per change, any number of viewers; `events`: one compression for all.
//! - `model`: from figures to the content of a page: verdicts, tiles, charts, tables. Pure.
//! - `format` and `plot`: from numbers and times to text, from values to SVG paths. Pure.
//! - `components` and `pages`: from the content of a page to HTML; `csv`: the same figures as a file.
//! - `assets`: style sheet, scripts and icon, under names that change with their content.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "in a test, a panic is the report"))]

pub mod client;
pub mod figures;
pub mod http;
pub mod language;
pub mod query;
pub mod settings;
pub mod source;
pub mod state;

mod assets;
mod auth;
mod cache;
mod components;
mod csv;
mod events;
mod format;
mod live;
mod model;
mod pages;
mod plot;
mod projection;

use std::time::Duration;

use anyhow::Context;
use shared::logging::answers_http;
use shared::server;
use shared::time::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use mock;
pub use settings::Settings;
use settings::{AuthSettings, Origin};

pub use auth::hash_password;

use client::Client;
use mock::Mock;
use source::Source;
use state::State;

/// How long requests in progress may take to finish once shutdown has begun. Streams end at once.
const GRACE: Duration = Duration::from_secs(4);

/// Serves the dashboard on `listener` until `shutdown` is cancelled, and returns within five seconds of that.
///
/// The caller provides the listener, so that a port in use is detected before anything starts. `settings.bind` is ignored.
///
/// # Errors
/// When the client for analytics cannot be built, or the listener has no address.
pub async fn serve(settings: Settings, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let clock = Clock::system();
    let source = match settings.origin {
        Origin::Analytics { url, token } => {
            Source::Http(Client::new(url, token).context("the client for analytics cannot be built")?)
        }
        Origin::BuiltIn { antennas } => {
            tracing::info!(antennas, "the figures are made up (MOCK)");
            let mock = Mock::with_antennas(antennas);
            // Nobody need wait for its past with the first page.
            let _begun = tokio::task::spawn_blocking({
                let mock = mock.clone();
                let now = clock.now();
                move || mock.read(now, |_| ())
            });
            Source::Mock(mock)
        }
    };
    warn_of(&settings.auth);
    let state = State::start(source, settings.allowed_hosts, clock, shutdown.clone());
    let state = state.with_base(settings.base_path).with_auth(settings.auth).with_status(settings.status);
    tokio::spawn({
        let (users, shutdown) = (state.clone().follow_users(), shutdown.clone());
        async move { shutdown.run_until_cancelled(users).await }
    });
    answers_http("dashboard", listener.local_addr().context("the listener has no address")?);
    tokio::select! {
        () = server::serve(listener, http::router(state), &settings.http, shutdown.clone()) => (),
        () = async { shutdown.cancelled().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!(grace_ms = GRACE.as_millis(), "requests under way were cut off");
        }
    }
    Ok(())
}

/// Tells whoever runs the dashboard what they gave up.
fn warn_of(auth: &AuthSettings) {
    if matches!(auth, AuthSettings::Basic { is_plain: true, .. }) {
        tracing::warn!(
            "sessions go over connections without TLS (AUTH_PLAIN_HTTP): whoever reads along can take them over, and passwords too; \
             this is for trials"
        );
    }
}
