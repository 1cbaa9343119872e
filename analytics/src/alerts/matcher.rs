//! Which incidents a route is for.

use std::fmt;

use shared::api::{AlertKind, AlertSeverity};

use super::incident::Incident;

/// A pattern in which `*` stands for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl Glob {
    /// Of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().collect())
    }

    /// Whether a text as a whole is as the pattern says. Takes as many steps as both are long, multiplied, at most.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut in_text) = (0, 0);
        // Where the last star is, and how much of the text it stands for so far.
        let mut star: Option<(usize, usize)> = None;
        while in_text < text.len() {
            match self.0.get(at) {
                Some('*') => {
                    star = Some((at, in_text));
                    at += 1;
                }
                Some(it) if *it == '?' || *it == text[in_text] => {
                    at += 1;
                    in_text += 1;
                }
                _ => {
                    let Some((star_at, until)) = star else { return false };
                    star = Some((star_at, until + 1));
                    (at, in_text) = (star_at + 1, until + 1);
                }
            }
        }
        self.0[at..].iter().all(|it| *it == '*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|it| fmt::Write::write_char(f, *it))
    }
}

/// What an incident has to be like. What is empty does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matcher {
    /// One of these.
    pub kinds: Vec<AlertKind>,
    /// One of these.
    pub severities: Vec<AlertSeverity>,
    /// Its subject is like one of these.
    pub antennas: Vec<Glob>,
}

impl Matcher {
    /// Whether an incident is.
    #[must_use]
    pub fn matches(&self, incident: &Incident) -> bool {
        fn is_one<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(is)
        }
        is_one(&self.kinds, |kind| *kind == incident.kind)
            && is_one(&self.severities, |severity| *severity == incident.severity())
            && is_one(&self.antennas, |glob| glob.matches(&incident.subject))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, without a memory of stars.
    fn is_like(glob: &[char], text: &[char]) -> bool {
        match (glob.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => is_like(rest, text),
            (Some(('*', rest)), Some((_, behind))) => is_like(rest, text) || is_like(glob, behind),
            (Some((it, rest)), Some((first, behind))) => (*it == '?' || it == first) && is_like(rest, behind),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_text_is_like_a_glob_as_defined(glob in "[ab*?]{0,8}", text in "[abñ]{0,8}") {
            let [glob_chars, text_chars] = [&glob, &text].map(|it| it.chars().collect::<Vec<_>>());
            prop_assert_eq!(Glob::new(&glob).matches(&text), is_like(&glob_chars, &text_chars));
        }
    }
}
