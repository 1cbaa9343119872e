//! Who asks, and how.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use shared::server::{Neighbour, Peer};

use crate::auth::{Auth, Visitor};
use crate::language::Language;
use crate::query::{Access, Manner};
use crate::state::State;

/// Who asks, and how.
pub(super) struct Asking {
    pub(super) headers: HeaderMap,
    pub(super) peer: Option<Peer>,
    neighbour: Option<Neighbour>,
    /// Who it is, if that is known.
    pub(super) visitor: Option<Visitor>,
    /// How a page is displayed whose address says nothing of it.
    pub(super) preferred: Manner,
}

impl Asking {
    /// What the parts of a request tell.
    pub(super) fn of(parts: &Parts, state: &State) -> Self {
        let headers = parts.headers.clone();
        let neighbour = parts.extensions.get().copied();
        let visitor = state.auth.visitor(&headers, neighbour, state.clock.now());
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok());
        let preferred = Manner {
            language: Language::preferred(accepted),
            base: state.base,
            with_token: state.cache.source().has_token(),
            access: visitor.as_ref().map_or(Access::Open, Visitor::access),
            ..Manner::default()
        };
        Self { headers, peer: parts.extensions.get().copied(), neighbour, visitor, preferred }
    }

    /// Returns once they may not see anything any more.
    pub(super) fn until_over(&self, state: &State) -> impl Future<Output = ()> + Send + use<> {
        Auth::until_over(state.auth.clone(), self.headers.clone(), self.neighbour, state.clock.clone())
    }
}

impl FromRequestParts<State> for Asking {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Infallible> {
        Ok(Self::of(parts, state))
    }
}
