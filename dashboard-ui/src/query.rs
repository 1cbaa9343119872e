//! What a page was asked for, as its URL says it: the range and the order of the worst antennas.

use serde::Deserialize;
use shared::time::parse_duration;

/// The ranges that the page offers, in seconds; the first is the default.
pub const PRESETS: [u32; 3] = [5 * 60, 15 * 60, 60 * 60];

/// The shortest and the longest range that can be asked for, in seconds.
const LIMITS: (u32, u32) = (30, 7 * 24 * 60 * 60);

/// Steps that a series may have, in seconds. All but the shortest are whole multiples of the default pane.
const STEPS: [u32; 14] = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800];

/// The most points that a chart has room for.
const MOST_POINTS: u32 = 75;

/// What a page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Query {
    /// The range in seconds.
    pub window: u32,
    /// The order of the worst antennas.
    pub by: By,
}

/// The order of the worst antennas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum By {
    /// Most packets lost first.
    #[default]
    Failures,
    /// Lowest success rate first.
    SuccessRate,
    /// Highest mean latency first.
    Latency,
}

/// The parameters of a URL before they are judged. Unknown ones are ignored.
#[derive(Debug, Default, Deserialize)]
pub struct Parameters {
    window: Option<String>,
    by: Option<String>,
}

impl Default for Query {
    fn default() -> Self {
        Self { window: PRESETS[0], by: By::default() }
    }
}

impl Query {
    /// Judges the parameters of a URL.
    ///
    /// # Errors
    /// What is wrong, in words for the person who typed the URL.
    pub fn from_parameters(parameters: &Parameters) -> Result<Self, String> {
        let default = Self::default();
        Ok(Self {
            window: parameters.window.as_deref().map_or(Ok(default.window), parse_window)?,
            by: parameters.by.as_deref().map_or(Ok(default.by), By::parse)?,
        })
    }

    /// The address of `path` with these parameters; defaults are left out, so that each page has one address.
    #[must_use]
    pub fn href(self, path: &str) -> String {
        let default = Self::default();
        let window = (self.window != default.window).then(|| format!("window={}", duration_label(self.window)));
        let by = (self.by != default.by).then(|| format!("by={}", self.by.as_str()));
        let parameters: Vec<String> = window.into_iter().chain(by).collect();
        if parameters.is_empty() { path.to_owned() } else { format!("{path}?{}", parameters.join("&")) }
    }

    /// The step in seconds that gives the charts as many points as they have room for; 60 for each preset.
    #[must_use]
    pub fn step(self) -> u32 {
        STEPS.into_iter().find(|step| self.window <= step * MOST_POINTS).unwrap_or(STEPS[STEPS.len() - 1])
    }
}

impl By {
    /// Every order, in the order in which the page offers them.
    pub const ALL: [Self; 3] = [Self::Failures, Self::SuccessRate, Self::Latency];

    /// The order as URLs spell it, this page's and analytics' alike.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::SuccessRate => "success_rate",
            Self::Latency => "latency",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|by| by.as_str() == text)
            .ok_or_else(|| "The order (by) is one of failures, success_rate and latency.".to_owned())
    }
}

/// A duration as URLs and buttons spell it: `90s`, `15m`, `1h`, `7d`.
#[must_use]
pub fn duration_label(seconds: u32) -> String {
    match seconds {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

fn parse_window(text: &str) -> Result<u32, String> {
    let wrong = || "The range (window) is a length of time from 30s to 7d, like 5m, 15m or 1h.".to_owned();
    let duration = parse_duration(text).map_err(|_| wrong())?;
    let seconds = u32::try_from(duration.as_secs()).map_err(|_| wrong())?;
    if duration.subsec_nanos() != 0 || !(LIMITS.0..=LIMITS.1).contains(&seconds) {
        return Err(wrong());
    }
    Ok(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(window: Option<&str>, by: Option<&str>) -> Result<Query, String> {
        Query::from_parameters(&Parameters { window: window.map(str::to_owned), by: by.map(str::to_owned) })
    }

    #[test]
    fn nothing_asked_for_is_the_default() {
        assert_eq!(query(None, None), Ok(Query { window: 300, by: By::Failures }));
        assert_eq!(Query::default().href("/"), "/");
    }

    #[test]
    fn an_address_leads_back_to_its_query() {
        for (window, by) in [("15m", By::Latency), ("1h", By::SuccessRate), ("90s", By::Failures), ("7d", By::Latency)]
        {
            let query = query(Some(window), Some(by.as_str())).unwrap();
            assert!(query.href("/").contains(&format!("window={window}")));
            assert_eq!(query.href("/live").contains("by="), by != By::Failures);
        }
        assert_eq!(query(Some("60m"), None).unwrap().href("/"), "/?window=1h");
    }

    #[test]
    fn presets_have_sixty_points() {
        for window in PRESETS {
            assert_eq!(window / Query { window, by: By::Failures }.step(), 60);
        }
    }

    #[test]
    fn every_range_has_a_bearable_number_of_points() {
        for window in (LIMITS.0..=LIMITS.1).step_by(17) {
            let points = window.div_ceil(Query { window, by: By::Failures }.step());
            assert!((6..=MOST_POINTS).contains(&points), "{window}: {points}");
        }
    }

    #[test]
    fn bad_parameters_are_refused_in_words() {
        for window in ["abc", "", "0s", "-5m", "29s", "8d", "1.5s", "30500ms", "99999999999999999999d"] {
            assert!(query(Some(window), None).unwrap_err().starts_with("The range"), "{window}");
        }
        assert!(query(None, Some("Latency")).unwrap_err().starts_with("The order"));
    }
}
