//! How receivers are told: by HTTP requests and by mail, each bounded in time, in the bytes of its answer, and without redirects.

use std::time::Duration;

use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use ring::hmac;
use serde_json::{Value, json};
use shared::UnixMillis;
use shared::api::AlertKind;
use shared::settings::Secret;

use super::file::{Email, Encryption, Receiver, Way};
use super::message::{Alert, Notice};
use super::step::Outcome;
use crate::digits::hexadecimal;

/// No more of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// So much of an answer that says no is told.
const REASON_MAX: usize = 200;

/// The path of Alertmanager's API that alerts go to.
const ALERTMANAGER_PATH: &str = "/api/v2/alerts";

/// What lasts is over for Alertmanager if it was not sent again for so many times as it should have been: as Prometheus has it.
const RESENDS_MISSED: i64 = 4;

/// The header that carries the idempotency key.
pub const KEY_HEADER: &str = "idempotency-key";

/// The header that carries the moment of the attempt, in Unix seconds, which is signed too.
pub const TIMESTAMP_HEADER: &str = "x-vigia-timestamp";

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-vigia-signature";

type Body = Full<Bytes>;

/// Tells receivers. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Sender {
    http: Client<HttpsConnector<HttpConnector>, Body>,
}

impl Sender {
    /// A sender that trusts what the operating system trusts.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new() -> std::io::Result<Self> {
        let provider = rustls::crypto::ring::default_provider();
        let config = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_native_roots()?
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http();
        let http = Client::builder(TokioExecutor::new()).build(connector.enable_http1().build());
        Ok(Self { http })
    }

    /// Tells a receiver a notice, of which a text names so many incidents. The time is that of the attempt.
    pub async fn send(&self, receiver: &Receiver, notice: &Notice, named_max: usize, now: UnixMillis) -> Outcome {
        let sending = async {
            match &receiver.way {
                Way::Webhook { url, key } => {
                    let body = webhook(receiver, notice)?;
                    Ok(self.post(url, "", Signed { key: key.as_ref(), notice: &notice.key, now }, body).await)
                }
                Way::Alertmanager { url, resend_ms } => {
                    let alerts: Vec<Value> =
                        notice.alerts.iter().map(|alert| alertmanager(alert, now, *resend_ms)).collect();
                    Ok(self
                        .post(url, ALERTMANAGER_PATH, Signed::by_nobody(notice, now), to_bytes(&json!(alerts))?)
                        .await)
                }
                Way::Slack { url } => {
                    let text = receiver.templates.body(&notice.message(named_max))?;
                    Ok(self.post(url, "", Signed::by_nobody(notice, now), to_bytes(&json!({"text": text}))?).await)
                }
                Way::Teams { url } => {
                    let text = receiver.templates.body(&notice.message(named_max))?;
                    Ok(self.post(url, "", Signed::by_nobody(notice, now), to_bytes(&teams(&text))?).await)
                }
                Way::Email(email) => self.mail(email, receiver, notice, named_max).await,
            }
        };
        match tokio::time::timeout(receiver.timeout, sending).await {
            Ok(Ok(outcome)) => outcome,
            // What cannot be made of it now cannot be made of it later.
            Ok(Err(why)) => Outcome::Refused(why),
            Err(_) => Outcome::Failed(format!("it took longer than {:?}", receiver.timeout)),
        }
    }

    /// Asks for an address, to tell that all is well.
    ///
    /// # Errors
    /// Why it could not be.
    pub async fn ping(&self, url: &Secret, timeout: Duration) -> Result<(), String> {
        let request = Request::builder().method(Method::GET).uri(url.reveal()).header(USER_AGENT, "vigia");
        let request = request.body(Body::default()).map_err(|_| "its address is none".to_owned())?;
        match tokio::time::timeout(timeout, self.request(request)).await {
            Ok(Ok((status, _))) if status.is_success() => Ok(()),
            Ok(Ok((status, _))) => Err(format!("it answered {status}")),
            Ok(Err(why)) => Err(why),
            Err(_) => Err(format!("it took longer than {timeout:?}")),
        }
    }

    async fn post(&self, url: &Secret, path: &str, signed: Signed<'_>, body: Vec<u8>) -> Outcome {
        let url = if path.is_empty() {
            url.reveal().to_owned()
        } else {
            url.reveal().trim_end_matches('/').to_owned() + path
        };
        let timestamp = (signed.now.0 / 1000).to_string();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "vigia")
            .header(KEY_HEADER, signed.notice)
            .header(TIMESTAMP_HEADER, &timestamp);
        if let Some(key) = signed.key {
            request = request.header(SIGNATURE_HEADER, signature(key, &timestamp, &body));
        }
        let Ok(request) = request.body(Body::from(body)) else {
            return Outcome::Refused("its address is none".to_owned());
        };
        match self.request(request).await {
            Ok((status, _)) if status.is_success() => Outcome::Sent,
            Ok((status, answer)) => {
                let why = format!("it answered {status}{answer}");
                // It is about what is in the notice. All else, also who is not let in, an operator can mend.
                let is_final = matches!(
                    status,
                    StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY
                );
                if is_final { Outcome::Refused(why) } else { Outcome::Failed(why) }
            }
            Err(why) => Outcome::Failed(why),
        }
    }

    /// The status of the answer, and the beginning of its text.
    async fn request(&self, request: Request<Body>) -> Result<(StatusCode, String), String> {
        // What is said of an error does not name the address: often it is what lets one in.
        let response = self.http.request(request).await.map_err(|error| reason(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        let text: String = String::from_utf8_lossy(&body).chars().take(REASON_MAX).collect();
        let text: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
        let text = text.trim();
        Ok((status, if text.is_empty() { String::new() } else { format!(": {text}") }))
    }

    async fn mail(
        &self,
        email: &Email,
        receiver: &Receiver,
        notice: &Notice,
        named_max: usize,
    ) -> Result<Outcome, String> {
        let message = notice.message(named_max);
        let mut mail = lettre::Message::builder()
            .from(email.from.clone())
            .subject(receiver.templates.subject(&message)?)
            // A mail server that gets it twice may know it by this, and so may whoever reads it.
            .message_id(Some(format!("<{}@vigia>", notice.key)))
            .date(std::time::UNIX_EPOCH + Duration::from_millis(notice.at.0.max(0).unsigned_abs()));
        for to in &email.to {
            mail = mail.to(to.clone());
        }
        let mail = mail
            .singlepart(lettre::message::SinglePart::plain(receiver.templates.body(&message)?))
            .map_err(|error| error.to_string())?;
        let transport = match self.transport(email, receiver.timeout) {
            Ok(transport) => transport,
            Err(error) => return Ok(Outcome::Failed(error.to_string())),
        };
        let sent = transport.send(mail).await;
        // Connections are not kept: there is a mail every few seconds at most.
        transport.shutdown().await;
        Ok(match sent {
            Ok(_) => Outcome::Sent,
            Err(error) => {
                let status = error.status().map(u16::from);
                // That a login is refused an operator can mend.
                let is_login = matches!(status, Some(530 | 534 | 535 | 538));
                let why = error.to_string().lines().next().unwrap_or_default().to_owned();
                if error.is_permanent() && !is_login { Outcome::Refused(why) } else { Outcome::Failed(why) }
            }
        })
    }

    fn transport(
        &self,
        email: &Email,
        timeout: Duration,
    ) -> Result<AsyncSmtpTransport<Tokio1Executor>, lettre::transport::smtp::Error> {
        let tls = || TlsParameters::new_rustls(email.host.clone());
        let tls = match email.encryption {
            Encryption::Tls => Tls::Wrapper(tls()?),
            Encryption::StartTls => Tls::Required(tls()?),
            Encryption::None => Tls::None,
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&email.host)
            .port(email.port)
            .timeout(Some(timeout))
            .tls(tls);
        let login = email.login.as_ref();
        let login = login.map(|(user, password)| Credentials::new(user.clone(), password.reveal().to_owned()));
        Ok(match login {
            Some(login) => builder.credentials(login).build(),
            None => builder.build(),
        })
    }
}

/// With what a request is signed.
struct Signed<'a> {
    key: Option<&'a Secret>,
    notice: &'a str,
    now: UnixMillis,
}

impl<'a> Signed<'a> {
    fn by_nobody(notice: &'a Notice, now: UnixMillis) -> Self {
        Self { key: None, notice: &notice.key, now }
    }
}

/// `sha256=` and the HMAC-SHA256 of timestamp, a point and the body, as hexadecimal digits: a request that was overheard is of no
/// use later.
#[must_use]
pub fn signature(key: &Secret, timestamp: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.reveal().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(timestamp.as_bytes());
    context.update(b".");
    context.update(body);
    format!("sha256={}", hexadecimal(context.sign().as_ref()))
}

/// All incidents, however many there are: it is for programs.
fn webhook(receiver: &Receiver, notice: &Notice) -> Result<Vec<u8>, String> {
    let message = notice.message(usize::MAX);
    if receiver.templates.is_own_body() {
        return Ok(receiver.templates.body(&message)?.into_bytes());
    }
    serde_json::to_vec(&message).map_err(|error| error.to_string())
}

/// An alert as Alertmanager's API has it. Labels tell alerts apart there, so nothing is in them that changes while it lasts: a kind
/// that gets worse is another alert, and the one before runs out.
fn alertmanager(alert: &Alert, now: UnixMillis, resend_ms: i64) -> Value {
    let what = match alert.kind {
        AlertKind::Down => "VigiaAntennaDown",
        AlertKind::Degraded => "VigiaAntennaDegraded",
        AlertKind::Silent => "VigiaAntennaSilent",
        AlertKind::Flapping => "VigiaAntennaFlapping",
        AlertKind::Site => "VigiaSite",
        AlertKind::Network => "VigiaNetwork",
    };
    let mut labels = json!({
        "alertname": what,
        "antenna_id": alert.antenna_id,
        "kind": alert.kind,
        "severity": alert.severity,
    });
    // How many there are is bounded by the registry, and no key of it is one of ours.
    if let Some(site) = &alert.site {
        labels["site"] = json!(site);
    }
    for (key, value) in &alert.labels {
        labels[format!("label_{key}")] = json!(value);
    }
    let name = alert.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
    let mut annotations = json!({
        "summary": format!("{}{name} is {}{}", alert.antenna_id, alert.kind, alert.and_behind()),
        "packets": format!("{} of {} lost", alert.packets_lost, alert.packets_sent),
        "incident": alert.incident,
    });
    if let (AlertKind::Network, Some(rate)) = (alert.kind, alert.worst_success_rate) {
        annotations["success_rate"] = json!(format!("{:.2} % at worst", rate * 100.0));
    }
    let ends = alert.end.unwrap_or(UnixMillis(now.0 + RESENDS_MISSED * resend_ms));
    json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": alert.start,
        "endsAt": ends,
    })
}

/// A card of runs of text, in which nothing is marked up.
fn teams(text: &str) -> Value {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let blocks: Vec<Value> =
        lines.map(|line| json!({"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": line}]})).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": blocks,
            },
        }],
    })
}

fn to_bytes(value: &Value) -> Result<Vec<u8>, String> {
    serde_json::to_vec(value).map_err(|error| error.to_string())
}

/// The causes of an error, without the address that it is about.
fn reason(error: &hyper_util::client::legacy::Error) -> String {
    let mut causes = Vec::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    match causes.is_empty() {
        true => "it cannot be reached".to_owned(),
        false => format!("it cannot be reached: {}", causes.join(": ")),
    }
}
