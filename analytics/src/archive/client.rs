//! The HTTP client of the bucket, on the libraries that the servers and the broker's connections use already.
//!
//! The client that `object_store` brings would need a process-wide choice of cryptography before anything of the process, or of
//! a test, makes any HTTP client at all.

use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::TokioExecutor;
use object_store::Error;
use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpService,
};

/// A request may take this long, with its answer. Files are of some megabytes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Makes the clients of buckets; trusts what the operating system trusts.
#[derive(Debug)]
pub(super) struct Connector;

#[derive(Debug)]
struct Requests(Client<HttpsConnector<TcpConnector>, HttpRequestBody>);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient, Error> {
        let failed = |error: std::io::Error| Error::Generic { store: "S3", source: Box::new(error) };
        let provider = rustls::crypto::ring::default_provider();
        let config = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(std::io::Error::other(error)))?
            .with_native_roots()
            .map_err(failed)?
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config);
        // Keys and figures do not go over the network in the open, unless that was said.
        let allows_http = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|it| it == "true");
        let connector = if allows_http { connector.https_or_http() } else { connector.https_only() };
        let client = Client::builder(TokioExecutor::new()).build(connector.enable_http1().build());
        Ok(HttpClient::new(Requests(client)))
    }
}

#[async_trait]
impl HttpService for Requests {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = async {
            let response = self.0.request(request).await.map_err(|error| {
                let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
                HttpError::new(kind, error)
            })?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error))?;
            Ok(HttpResponse::from_parts(head, body.to_bytes().into()))
        };
        match tokio::time::timeout(TIMEOUT, answer).await {
            Ok(answer) => answer,
            Err(elapsed) => Err(HttpError::new(HttpErrorKind::Timeout, elapsed)),
        }
    }
}
