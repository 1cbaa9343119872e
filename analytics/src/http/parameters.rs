//! Requests as they come in a query string.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use shared::api::Request;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::error::ApiError;

/// A request in a query string. One that cannot be understood is refused with the contract's error body.
#[derive(Debug, Clone)]
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: Request> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let Query(pairs) =
            Query::try_from_uri(&parts.uri).map_err(|rejection| ApiError::BadParameter(rejection.body_text()))?;
        Ok(Self(T::read_from(pairs)?))
    }
}

impl<T: Request> IntoParams for Parameters<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        T::parameters()
    }
}
