//! Which of the offered formats and media types a client prefers (RFC 9110, section 12.5.1).

use axum::http::{HeaderMap, header};
use shared::api::{Format, Request};
use shared::negotiation;

/// The format of an answer: the one that is asked for by parameter, else what the client prefers of those offered, else the
/// first.
pub(crate) fn format<R: Request>(headers: &HeaderMap, request: &R) -> Format {
    request.format().unwrap_or_else(|| {
        let media_types: Vec<&str> = R::FORMATS.iter().map(|format| format.media_type()).collect();
        R::FORMATS[preferred(headers, &media_types)]
    })
}

/// The position in `offers` of the type that the client wants most; the first where it has no wish. Of equal quality
/// values the one that the client names first wins, and a wildcard means the first offer.
pub(crate) fn preferred(headers: &HeaderMap, offers: &[&str]) -> usize {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let position = |media: &str| match media {
        "*/*" => Some(0),
        media => offers.iter().position(|offer| offer.eq_ignore_ascii_case(media)),
    };
    negotiation::preferred(lines, position).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_quality_wins_then_the_first_named() {
        let offers = ["application/json", "text/plain", "application/openmetrics-text"];
        let choose = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().expect("a header"));
            offers[preferred(&headers, &offers)]
        };
        assert_eq!(choose("*/*"), "application/json");
        assert_eq!(choose("text/plain"), "text/plain");
        assert_eq!(choose("application/json, text/plain, */*"), "application/json");
        assert_eq!(choose("text/html,application/xhtml+xml,*/*;q=0.8"), "application/json");
        assert_eq!(choose("image/png"), "application/json");
        assert_eq!(
            choose("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"),
            "application/openmetrics-text"
        );
        assert_eq!(preferred(&HeaderMap::new(), &offers), 0);
    }
}
