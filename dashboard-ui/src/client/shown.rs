//! The token that analytics is shown.

use std::sync::{Arc, Mutex, PoisonError};

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{RequestBuilder, Response, StatusCode};
use shared::settings::{KeptToken, Token};

/// What analytics was shown last, and where another one may be. A clone is the same.
#[derive(Debug, Clone)]
pub(super) struct ShownToken(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kept: KeptToken,
    header: Mutex<HeaderValue>,
}

impl ShownToken {
    /// `None` if it fits into no header, which the characters of a token rule out.
    pub(super) fn new(kept: KeptToken) -> Option<Self> {
        let header = Mutex::new(header(kept.first())?);
        Some(Self(Arc::new(Inner { kept, header })))
    }

    /// Sends a request with the token. Where it is refused, the file may hold another one by now: then it is sent once more. As long
    /// as the token of before is good, it goes on being shown, so it does not matter which of the two processes sees its file change
    /// first.
    pub(super) async fn send(&self, request: RequestBuilder) -> reqwest::Result<Response> {
        let (again, shown) = (request.try_clone(), self.header());
        let response = request.header(AUTHORIZATION, shown.clone()).send().await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match (again, self.other_than(&shown).await) {
            (Some(again), Some(other)) => again.header(AUTHORIZATION, other).send().await,
            _ => Ok(response),
        }
    }

    fn header(&self) -> HeaderValue {
        self.0.header.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the file holds now, if that is another token than the one that was refused.
    async fn other_than(&self, refused: &HeaderValue) -> Option<HeaderValue> {
        let found = header(&self.0.kept.read_again().await?)?;
        if found == *refused {
            return None;
        }
        let last = std::mem::replace(&mut *self.0.header.lock().unwrap_or_else(PoisonError::into_inner), found.clone());
        if last != found {
            tracing::info!(
                "the file of the token (ANALYTICS_TOKEN_FILE) holds another one, which analytics is shown from now on"
            );
        }
        Some(found)
    }
}

fn header(token: &Token) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(token.header()).ok()?;
    header.set_sensitive(true);
    Some(header)
}
