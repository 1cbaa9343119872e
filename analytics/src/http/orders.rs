//! What people say of alerts. It is done once it is committed, and answered then.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use shared::api::request::Part;

use super::routes::Parameters;
use super::{Api, ApiError};
use crate::alerts::orders::{Done, Order, Refusal, What};

/// A body is no longer.
pub(super) const BODY_BYTES_MAX: usize = 16 * 1024;

type Body = Result<Bytes, BytesRejection>;

/// Says something that a body describes.
pub(super) async fn say<T>(State(api): State<Api>, _: Parameters<()>, body: Body) -> Result<Response, ApiError>
where
    T: DeserializeOwned + Into<Order>,
{
    give(&api, || read::<T>(body).map(Into::into)).await
}

/// Takes something back that the parameters name.
pub(super) async fn take_back<T>(
    State(api): State<Api>,
    Parameters(request): Parameters<T>,
) -> Result<Response, ApiError>
where
    T: Part + Into<Order>,
{
    give(&api, || Ok(request.into())).await
}

/// Who reaches this knows the token, where there is one. Where there is none, anybody could.
async fn give(api: &Api, order: impl FnOnce() -> Result<Order, ApiError>) -> Result<Response, ApiError> {
    if api.door.is_none() {
        return Err(ApiError::Forbidden);
    }
    let none = || ApiError::Conflict("nobody is told of incidents, as ALERTS_FILE is not set".to_owned());
    let orders = api.orders.as_ref().ok_or_else(none)?;
    let order = order()?;
    if let Order::Note(note) = &order
        && !api.registry.current().public().contains(&*note.site)
    {
        return Err(ApiError::NotFound("no site has this public name".to_owned()));
    }
    let makes = matches!(order, Order::Mute(_) | Order::Schedule(_) | Order::Acknowledge(_) | Order::Note(_));
    let Done { is_new, what } = match orders.give(order).await.ok_or(ApiError::NotTaken)? {
        Ok(done) => done,
        Err(Refusal::Field(field, why)) => {
            return Err(ApiError::BadParameter(format!("bad value for the field {field}: {why}")));
        }
        Err(Refusal::Unknown(why)) => return Err(ApiError::NotFound(why)),
        Err(Refusal::Full(why)) => return Err(ApiError::Conflict(why)),
    };
    let status = if is_new && makes { StatusCode::CREATED } else { StatusCode::OK };
    Ok(match what {
        What::Mute(mute) => (status, Json(mute)).into_response(),
        What::Acknowledgement(acknowledgement) => (status, Json(acknowledgement)).into_response(),
        What::Note(note) => (status, Json(note)).into_response(),
        What::Maintenance(maintenance) => (status, Json(maintenance)).into_response(),
    })
}

fn read<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let body = body.map_err(|_| ApiError::TooLong(BODY_BYTES_MAX))?;
    serde_json::from_slice(&body).map_err(|error| ApiError::BadParameter(format!("bad JSON in the body: {error}")))
}
