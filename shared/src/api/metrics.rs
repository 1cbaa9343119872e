//! `/metrics` as JSON: the contract of the stack that Vigía replaces.

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::path;
use super::request::{Request, request};
use crate::spelled::spelled;

request! {
    /// `GET /metrics`.
    pub struct MetricsRequest {
        /// The form of the answer. It takes precedence over the header `Accept`, which some scrapers cannot set.
        pub format: Option<MetricsFormat>,
    }
}

impl Request for MetricsRequest {
    const PATH: &'static str = path::METRICS;
    const MEANING: &'static str =
        "The original contract's metrics as JSON over the default window, or Prometheus exposition.";
    type Answer = OriginalMetrics;
}

spelled! {
    /// A form of `/metrics`.
    #[derive(Default)]
    pub enum MetricsFormat {
        /// The original contract's JSON.
        #[default]
        Json = "json",
        /// Prometheus exposition.
        Prometheus = "prometheus",
    }
}

/// `GET /metrics` as JSON: the contract of the stack that Vigía replaces, over the default window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OriginalMetrics {
    /// Unix seconds at which the newest readings were merged; `null` before the first.
    pub last_update: Option<f64>,
    /// The figures; empty before the first reading.
    pub service_stats: ServiceStats,
}

/// The figures of [`OriginalMetrics`], all present or all absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ServiceStats {
    /// There are readings.
    Some(ServiceFigures),
    /// There are none yet: `{}`.
    None {},
}

/// Written out, since an object of figures would fit an object without any, as the derived schema has it.
impl PartialSchema for ServiceStats {
    fn schema() -> RefOr<Schema> {
        let none = ObjectBuilder::new().schema_type(Type::Object).max_properties(Some(0));
        let none = none.description(Some("There are no readings yet."));
        OneOfBuilder::new().item(Ref::from_schema_name(ServiceFigures::name())).item(none).into()
    }
}

impl ToSchema for ServiceStats {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ServiceFigures::name().into_owned(), ServiceFigures::schema()));
    }
}

/// The figures of the original contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceFigures {
    /// Packets sent.
    pub total_packets: u64,
    /// Packets lost.
    pub total_loss: u64,
    /// Lost of sent, from 0 to 1; `null` if no packet was sent.
    pub loss_rate: Option<f64>,
    /// Mean latency in milliseconds; `null` if no reading carries one.
    pub avg_latency: Option<f64>,
    /// Antennas with a reading in the window.
    pub active_antennas: u64,
    /// Packets delivered.
    pub delivered_packets: u64,
    /// Delivered of sent, from 0 to 1; `null` if no packet was sent.
    pub success_rate: Option<f64>,
}
