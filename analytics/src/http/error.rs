//! One error for every route, with the contract's body.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::api::{BadParameter, ErrorBody, ErrorDetail};
use tracing::error;

/// What a route answers instead of its result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// 400: a parameter cannot be understood.
    #[error("{0}")]
    BadParameter(String),
    /// 401: who asks does not know the token.
    #[error("the token is missing or wrong; send it as `Authorization: Bearer TOKEN` (ANALYTICS_TOKEN)")]
    Unauthorized,
    /// 403: who asks may read and not write.
    #[error("nothing can be changed without a token; set ANALYTICS_TOKEN of analytics, and send it")]
    Forbidden,
    /// 409: it cannot be done as things are.
    #[error("{0}")]
    Conflict(String),
    /// 413: the body is too long.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// 503: nobody took an order in time.
    #[error("who decides what is told did not answer in time; it may be done all the same, so ask again or look")]
    NotTaken,
    /// 404: there is no such antenna or path.
    #[error("{0}")]
    NotFound(String),
    /// 405: the path does not allow the method.
    #[error("the method is not allowed here; /openapi.json tells which ones are")]
    MethodNotAllowed,
    /// 503: another process owns the stream and has the figures.
    #[error("this process is a standby: another one owns the stream and has the figures")]
    Standby,
    /// 503: a partition changes its owner, and the tables are with neither of the two at the moment.
    #[error("a partition is changing its owner; try again")]
    Moving,
    /// 503: partitions are missing, and an answer without them is not wanted.
    #[error("partitions are missing: {0}")]
    Missing(String),
    /// 503: too many questions at once.
    #[error("too many queries are waiting; try again")]
    Busy,
    /// 503: an answer that takes too long.
    #[error("the answer took too long; try again, or ask for less")]
    TooSlow,
    /// 500: an error of analytics itself; the log has the details.
    #[error("the query failed; the log of analytics tells why")]
    Internal,
}

impl ApiError {
    /// A query that failed: the details go to the log, not to the client.
    pub(crate) fn internal(why: &dyn std::fmt::Display) -> Self {
        error!("a query failed: {why}");
        Self::Internal
    }

    /// Streams are missing without which there is no answer.
    pub(crate) fn missing(streams: &[String]) -> Self {
        Self::Missing(streams.join(", "))
    }

    const fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadParameter(_) => (StatusCode::BAD_REQUEST, "bad_parameter"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::TooLong(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_long"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::NotTaken | Self::Standby | Self::Moving | Self::Missing(_) | Self::Busy | Self::TooSlow => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }
}

impl From<BadParameter> for ApiError {
    fn from(error: BadParameter) -> Self {
        Self::BadParameter(error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.parts();
        let detail = ErrorDetail { code: code.to_owned(), message: self.to_string() };
        let mut response = (status, Json(ErrorBody { error: detail })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
