//! What went wrong with a broker, sorted by what helps.

use redis::{ErrorKind, RedisError};

/// What a server says, at the beginning of an error, of itself and for now: another one has taken its place or will, it has not come
/// up yet, or it misses others. `ASK` too: a slot that is just being moved has its place soon.
const PASSING: [&str; 10] =
    ["LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN", "UNBLOCKED", "READONLY", "MOVED", "ASK", "NOREPLICAS"];

/// Why a broker did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// There was no answer: what was asked for may have been done.
    #[error("{0}")]
    Away(String),
    /// It answers that it cannot do that for now, in its own words: nothing was done. Worth another try soon, where the broker is by
    /// then.
    #[error("{0}")]
    Passing(String),
    /// It answers that it does not do that, in its own words, or it is not what the settings say: nothing was done. Somebody has to
    /// mend that.
    #[error("{0}")]
    Refused(String),
}

impl Failure {
    /// Sorts an error line of a server.
    #[must_use]
    pub fn of_line(line: String) -> Self {
        let is_passing = line.split(' ').next().is_some_and(|code| PASSING.contains(&code));
        if is_passing { Self::Passing(line) } else { Self::Refused(line) }
    }

    /// The same with something else said.
    pub(super) fn map(self, say: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::Away(text) => Self::Away(say(text)),
            Self::Passing(text) => Self::Passing(say(text)),
            Self::Refused(text) => Self::Refused(say(text)),
        }
    }

    /// What is said.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Away(text) | Self::Passing(text) | Self::Refused(text) => text,
        }
    }

    /// How much it says of what is wrong. A server that is not there says less than one that is.
    pub(super) const fn weight(&self) -> u8 {
        match self {
            Self::Away(_) => 0,
            Self::Passing(_) => 1,
            Self::Refused(_) => 2,
        }
    }
}

/// The broker's own words, if it said something. Of a pipeline that is the first command's error, as the others follow from it.
impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        let (text, is_refused) = (error.to_string(), error.kind() == ErrorKind::AuthenticationFailed);
        let first = error.into_server_errors().and_then(|errors| {
            let (_, first) = errors.first()?;
            Some(format!("{} {}", first.code(), first.details().unwrap_or_default()))
        });
        match first {
            Some(line) => Self::of_line(line),
            None if is_refused => Self::Refused(format!("NOAUTH {text}")),
            None => Self::Away(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        for line in [
            "READONLY You can't write against a read only replica.",
            "LOADING Redis is loading the dataset in memory",
            "CLUSTERDOWN Hash slot not served",
            "CLUSTERDOWN The cluster is down",
            "MOVED 3999 127.0.0.1:6381",
            "ASK 3999 127.0.0.1:6381",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "NOREPLICAS Not enough good replicas to write.",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
        ] {
            assert_eq!(Failure::of_line(line.to_owned()), Failure::Passing(line.to_owned()));
        }
        for line in
            ["OOM command not allowed", "NOPERM this user", "CROSSSLOT Keys in request", "ERR READONLY", "", " "]
        {
            assert_eq!(Failure::of_line(line.to_owned()), Failure::Refused(line.to_owned()));
        }
    }
}
