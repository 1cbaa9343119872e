//! The pages as a browser receives them: their content in each state, addresses, files, and what every response has; and
//! the settings.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/mod.rs"]
mod common;

mod addresses;
mod auth;
mod base;
mod docs;
mod files;
mod orders;
mod responses;
mod settings;
mod sites;
mod states;
mod status;

use axum::Router;
use dashboard_ui::mock::Mock;
use dashboard_ui::source::Source;

use common::{Dashboard, source_at};

async fn mock() -> Dashboard {
    Dashboard::start(Source::Mock(Mock::default())).await
}

/// A dashboard in front of something other than analytics.
async fn before(something: Router) -> Dashboard {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, something).await });
    Dashboard::start(source_at(address)).await
}

/// A page with another parameter.
fn with(page: &str, parameter: &str) -> String {
    format!("{page}{}{parameter}", if page.contains('?') { '&' } else { '?' })
}
