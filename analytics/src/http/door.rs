//! Who is let in: whoever knows the token. Where it is in a file, another one is demanded as soon as the file holds it.
//!
//! Clients read files of their own, which may be replaced a little earlier or later, as those of a Kubernetes Secret are in each
//! pod. So the token of before is good for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, header};
use ring::hmac;
use shared::settings::{KeptToken, Token};
use subtle::ConstantTimeEq as _;

use crate::digits::hexadecimal;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// For how long the token of before is good. A Secret takes up to about two minutes to arrive in all pods.
const GRACE: Duration = Duration::from_secs(5 * 60);

/// The token of before is not shown any more for so long before its end, as others may have seen the new one sooner.
const SHOWN_BEFORE_END: Duration = Duration::from_secs(150);

/// Knows the token. A clone is the same door.
#[derive(Debug, Clone)]
pub struct Door(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kept: KeptToken,
    good: Mutex<Good>,
}

/// The tokens that are good.
#[derive(Debug)]
struct Good {
    token: Token,
    /// The one before, and until when it is.
    before: Option<(Token, Instant)>,
}

impl Door {
    /// A door that opens for a token.
    #[must_use]
    pub fn new(kept: KeptToken) -> Self {
        let good = Good { token: kept.first().clone(), before: None };
        Self(Arc::new(Inner { kept, good: Mutex::new(good) }))
    }

    /// Whether a request holds a token that is good, and but one.
    #[must_use]
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let opens = |given: &HeaderValue| self.opens_for(given.as_bytes(), Instant::now());
        given.next().is_some_and(opens) && given.next().is_none()
    }

    /// Whether a request holds what is derived from a token that is good, and but one: it comes from another process of analytics.
    #[must_use]
    pub fn admits_peer(&self, headers: &HeaderMap) -> bool {
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let Some(first) = given.next() else { return false };
        let good = self.0.good.lock().unwrap_or_else(PoisonError::into_inner);
        let before = good.before.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(before, _)| before);
        let is = |token: &Token| bool::from(first.as_bytes().ct_eq(of_peers(token).as_bytes()));
        given.next().is_none() && (is(&good.token) || before.is_some_and(is))
    }

    /// The value of a header `Authorization` with which another process of analytics, which demands the same token, lets this one in: as
    /// long as the token of before is good, that one's, as the other process may not have seen yet that there is another. It is derived
    /// from the token, so that whoever gets hold of it does not know the token.
    #[must_use]
    pub fn peer_header(&self, now: Instant) -> String {
        let good = self.0.good.lock().unwrap_or_else(PoisonError::into_inner);
        let before = good.before.as_ref().filter(|(_, until)| now + SHOWN_BEFORE_END < *until);
        of_peers(before.map_or(&good.token, |(before, _)| before))
    }

    /// Whether the value of a header `Authorization` holds a token that is good.
    fn opens_for(&self, header: &[u8], now: Instant) -> bool {
        self.0.good.lock().unwrap_or_else(PoisonError::into_inner).holds(header, now)
    }

    /// Looks at the file again and again; returns at once where there is none.
    pub async fn follow(self) {
        while self.0.kept.is_in_a_file() {
            tokio::time::sleep(EVERY).await;
            let Some(token) = self.0.kept.read_again().await else { continue };
            if self.0.good.lock().unwrap_or_else(PoisonError::into_inner).replace(token, Instant::now()) {
                tracing::info!(
                    grace_s = GRACE.as_secs(),
                    "the file of the token (ANALYTICS_TOKEN_FILE) holds another one, which is demanded from now on; the one before \
                     is good for a while"
                );
            }
        }
    }
}

/// What processes of analytics show each other.
fn of_peers(token: &Token) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, token.header().as_bytes());
    let derived = hmac::sign(&key, b"between processes of analytics");
    format!("Bearer {}", hexadecimal(derived.as_ref()))
}

impl Good {
    fn holds(&self, header: &[u8], now: Instant) -> bool {
        let is_before = self.before.as_ref().is_some_and(|(before, until)| now < *until && before.is_in(header));
        self.token.is_in(header) || is_before
    }

    /// Takes another token; whether it is another one.
    fn replace(&mut self, token: Token, now: Instant) -> bool {
        if token == self.token {
            return false;
        }
        let before = std::mem::replace(&mut self.token, token);
        self.before = Some((before, now + GRACE));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_before_is_good_for_a_while_and_no_older_one_is() {
        let token = |number: u8| Token::new(&format!("the-token-of-the-test-{number}")).expect("a good token");
        let start = Instant::now();
        let mut good = Good { token: token(1), before: None };
        let holds = |good: &Good, now| [1, 2, 3].map(|number| good.holds(token(number).header().as_bytes(), now));
        assert!(!good.replace(token(1), start), "it is the same");
        assert_eq!(holds(&good, start), [true, false, false]);
        assert!(good.replace(token(2), start));
        assert_eq!(holds(&good, start + GRACE - Duration::from_secs(1)), [true, true, false]);
        assert_eq!(holds(&good, start + GRACE), [false, true, false]);
        assert!(good.replace(token(3), start + Duration::from_secs(1)));
        assert_eq!(holds(&good, start + Duration::from_secs(1)), [false, true, true]);
    }
}
