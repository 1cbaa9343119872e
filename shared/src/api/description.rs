//! What is said of the routes: the OpenAPI document that analytics serves, and that the dashboard shows as a page.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{RefOr, Schema};

use super::request::Part;
use super::{
    Acknowledgement, AcknowledgementsRequest, AlertsRequest, AntennaRequest, AntennasRequest, AuditRequest,
    CancelRequest, CellsRequest, ErrorBody, Format, Health, HeatmapRequest, IncidentsRequest, Maintenance,
    MaintenanceRequest, MapRequest, MetricsRequest, Mute, MutesRequest, NewAcknowledgement, NewMaintenance, NewMute,
    NewNote, Note, NotesRequest, PipelineHistoryRequest, PipelineRequest, PublicStatusRequest, ReadingsRequest,
    RejectedRequest, Request, SeriesRequest, SitesRequest, Strictly, Summary, SummaryRequest, UnacknowledgeRequest,
    UnmuteRequest, UnnoteRequest, WorstRequest, path,
};

/// The header that says how many rows a list has, whether they are in the answer or not.
pub const TOTAL_COUNT: &str = "x-total-count";

/// The header that tells which times are missing from an answer, as `START/END=REASON` with commas between.
pub const GAPS: &str = "x-gaps";

/// The header that names the streams whose readings are missing from an answer, with commas between.
pub const PARTITIONS_MISSING: &str = "x-partitions-missing";

/// The OpenAPI document of all routes.
#[must_use]
pub fn document() -> Value {
    let mut described = Description::default();
    described.question::<SummaryRequest>();
    described.question::<AntennasRequest>();
    described.question::<AntennaRequest>();
    described.question::<WorstRequest>();
    described.question::<SitesRequest>();
    described.question::<MapRequest>();
    described.question::<PublicStatusRequest>();
    described.question::<SeriesRequest>();
    described.question::<HeatmapRequest>();
    described.question::<IncidentsRequest>();
    described.question::<ReadingsRequest>();
    described.strictly::<CellsRequest>();
    described.request::<RejectedRequest>(&[]);
    described.request::<AlertsRequest>(&[]);
    described.request::<MaintenanceRequest>(&[]);
    described.request::<MutesRequest>(&[]);
    described.request::<AcknowledgementsRequest>(&[]);
    described.request::<NotesRequest>(&[]);
    described.request::<AuditRequest>(&[]);
    described.request::<PipelineRequest>(&[]);
    described.request::<PipelineHistoryRequest>(&[]);
    described.request::<MetricsRequest>(&["text/plain"]);
    let (health, summary) =
        (described.content::<Health>("application/json"), described.content::<Summary>("text/event-stream"));
    let works = json!({"200": answer("It does", &health)});
    let works_or_not = json!({"200": answer("It is", &health), "503": answer("It is not", &health)});
    let snapshots = json!({"200": answer("Events named `snapshot` with a summary as data", &summary)});
    let document = json!({"200": answer("OpenAPI 3.1", &json!({"application/json": {"schema": {"type": "object"}}}))});
    for (path, meaning, responses) in [
        (path::LIVEZ, "Whether the process works. Does not depend on the broker.", works),
        (path::READYZ, "Whether readings are read and committed.", works_or_not.clone()),
        (path::HEALTHZ, "Readiness under its older name.", works_or_not),
        (path::EVENTS, "The default window's summary, now and after each change.", snapshots),
        (path::OPENAPI, "This description.", document),
    ] {
        described.route(path, meaning, Vec::new(), responses);
    }
    described.change::<NewMaintenance, Maintenance>(
        path::MAINTENANCE,
        "Plans maintenance of antennas, or of rules of the network, once or again and again.",
    );
    described.undo::<CancelRequest, Maintenance>(path::MAINTENANCE, "Takes a window of maintenance back.");
    described.change::<NewMute, Mute>(path::MUTES, "Mutes antennas, or rules of the network, until a time.");
    described.undo::<UnmuteRequest, Mute>(path::MUTES, "Takes a mute back.");
    described.change::<NewAcknowledgement, Acknowledgement>(
        path::ACKNOWLEDGEMENTS,
        "Says that somebody takes care of an incident, which is not repeated to anybody then.",
    );
    described.undo::<UnacknowledgeRequest, Acknowledgement>(path::ACKNOWLEDGEMENTS, "Takes an acknowledgement back.");
    described.change::<NewNote, Note>(path::NOTES, "Tells everybody something of a site, until a time.");
    described.undo::<UnnoteRequest, Note>(path::NOTES, "Takes a public note back.");
    let is_probe = |path: &str| [path::LIVEZ, path::READYZ, path::HEALTHZ].contains(&path);
    let mut refused = answer("The token is missing or wrong", &described.content::<ErrorBody>("application/json"));
    refused["headers"] = json!({"www-authenticate": {
        "description": "How the token is to be sent.", "required": true, "schema": {"type": "string", "const": "Bearer"},
    }});
    for (path, item) in &mut described.paths {
        match is_probe(path) {
            true => item["get"]["security"] = json!([]),
            false => {
                for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
                    operation["responses"]["401"] = refused.clone();
                }
            }
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Vigía analytics", "version": env!("CARGO_PKG_VERSION"),
            "description": "Windowed metrics of a communication network.",
        },
        "paths": described.paths,
        "components": {
            "schemas": described.schemas,
            "securitySchemes": {"token": {
                "type": "http", "scheme": "bearer",
                "description": "Demanded where ANALYTICS_TOKEN is set, of all routes but those of probes.",
            }},
        },
        // With the token, or where none is demanded without.
        "security": [{"token": []}, {}],
    })
}

#[derive(Default)]
struct Description {
    paths: Map<String, Value>,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

impl Description {
    /// A request about a snapshot, whose answer a client can hold.
    fn question<R: Request>(&mut self) {
        self.strictly::<R>();
        let responses = &mut self.paths[R::PATH]["get"]["responses"];
        responses["304"] = json!({"description": "As the client holds it"});
        let mut headers = json!({GAPS: {
            "description": "Times that are missing from the answer, as their files could not be read: `START/END=REASON`, with commas between.",
            "schema": {"type": "string"},
        }, PARTITIONS_MISSING: {
            "description": "Streams whose readings are missing from the answer, as neither their owners nor the broker could be asked, with commas between.",
            "schema": {"type": "string"},
        }});
        if R::IS_LIST {
            headers[TOTAL_COUNT] = json!({
                "description": "The rows that there are, whether in this answer or not.", "required": true,
                "schema": {"type": "integer", "minimum": 0},
            });
            headers["link"] = json!({
                "description": "Where the rows that follow are, with `rel=\"next\"`, if the route has an offset and some follow.",
                "schema": {"type": "string"},
            });
        }
        responses["200"]["headers"] = headers;
    }

    /// A request about what partitions hold, any of which may be missing.
    fn strictly<R: Request>(&mut self) {
        self.request::<R>(&[]);
        let mut parameters = R::parameters();
        Strictly::<()>::describe("", "", &mut parameters);
        self.paths[R::PATH]["get"]["parameters"] = json!(parameters);
    }

    /// A request that is answered as text of other media types too.
    fn request<R: Request>(&mut self, texts: &[&str]) {
        let mut content = self.content::<R::Answer>(Format::Json.media_type());
        for format in R::FORMATS.iter().filter(|format| **format != Format::Json) {
            let is_text = *format == Format::Csv;
            content[format.media_type()] = if is_text { json!({"schema": {"type": "string"}}) } else { json!({}) };
        }
        for text in texts {
            content[*text] = json!({"schema": {"type": "string"}});
        }
        self.route(R::PATH, R::MEANING, R::parameters(), json!({"200": answer("The answer", &content)}));
    }

    fn route(&mut self, path: &str, meaning: &str, parameters: Vec<Parameter>, mut responses: Value) {
        let error = answer("An error, and why", &self.content::<ErrorBody>("application/json"));
        responses["4XX"] = error.clone();
        responses["5XX"] = error;
        let id = path.trim_start_matches("/api/v1").replace("s/{id}", "").replace(['/', '.'], "_");
        let operation = json!({
            "tags": ["analytics"], "operationId": id.trim_start_matches('_'), "summary": meaning,
            "parameters": parameters, "responses": responses,
        });
        self.paths.insert(path.to_owned(), json!({"get": operation}));
    }

    /// What changes something, told in a body.
    fn change<B: ToSchema, A: ToSchema>(&mut self, path: &str, meaning: &str) {
        let body = self.content::<B>("application/json");
        let mut operation = self.operation::<A>(path, "post", meaning, Vec::new());
        operation["requestBody"] = json!({"required": true, "content": body});
        operation["responses"]["201"] = operation["responses"]["200"].clone();
        operation["responses"]["200"]["description"] = json!("It was so already");
        self.paths[path]["post"] = operation;
    }

    /// What takes something back.
    fn undo<P: Part, A: ToSchema>(&mut self, path: &str, meaning: &str) {
        let mut parameters = Vec::new();
        P::describe("", "", &mut parameters);
        let operation = self.operation::<A>(path, "delete", meaning, parameters);
        self.paths[path]["delete"] = operation;
    }

    fn operation<A: ToSchema>(&mut self, path: &str, method: &str, meaning: &str, parameters: Vec<Parameter>) -> Value {
        let error = answer("An error, and why", &self.content::<ErrorBody>("application/json"));
        let done = answer("It is committed", &self.content::<A>("application/json"));
        let id = format!("{method}_{}", path.trim_start_matches("/api/v1/"));
        json!({
            "tags": ["analytics"], "operationId": id, "summary": meaning, "parameters": parameters,
            "responses": {"200": done, "4XX": error, "5XX": error},
            // Nothing can be changed without a token.
            "security": [{"token": []}],
        })
    }

    /// Content of a type, whose schema becomes a part of the document.
    fn content<T: ToSchema>(&mut self, media_type: &str) -> Value {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        self.schemas.extend(schemas);
        json!({media_type: {"schema": {"$ref": format!("#/components/schemas/{}", T::name())}}})
    }
}

fn answer(description: &str, content: &Value) -> Value {
    json!({"description": description, "content": content})
}
