//! Patterns of ids, sites and labels, as files, routes and the page have them.

use std::fmt;

use ::glob::Pattern;

/// A pattern of a text: `*` stands for any characters, `?` for one, `[a-f]` for one of some and `[!a-f]` for one of all others; `[*]` is the
/// character itself. Whoever writes one finds it the same in every file and route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Pattern);

impl Glob {
    /// Of a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.contains("**") {
            // In names of files they mean something else.
            return Err("a bad glob: two stars are no more than one".to_owned());
        }
        Pattern::new(text).map(Self).map_err(|error| format!("a bad glob: {}", error.msg))
    }

    /// The pattern of exactly one text, whatever is in it.
    #[must_use]
    pub fn of_exactly(text: &str) -> String {
        Pattern::escape(text)
    }

    /// Whether a text has a character by which it is more than one id.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.contains(['*', '?', '['])
    }

    /// Whether a text as a whole is as the pattern says.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.matches(text)
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, without a memory of stars. `x` in the pattern stands for `[bñ]`, `y` for `[!bñ]`.
    fn is_like(glob: &[char], text: &[char]) -> bool {
        match (glob.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => is_like(rest, text),
            (Some(('*', rest)), Some((_, behind))) => is_like(rest, text) || is_like(glob, behind),
            (Some((it, rest)), Some((first, behind))) => {
                let is_one = match it {
                    '?' => true,
                    'x' => ['b', 'ñ'].contains(first),
                    'y' => !['b', 'ñ'].contains(first),
                    it => it == first,
                };
                is_one && is_like(rest, behind)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_text_is_like_a_glob_as_defined(glob in "[abxy*?]{0,8}", text in "[ab/.ñ]{0,8}") {
            prop_assume!(!glob.contains("**"));
            let [glob_chars, text_chars] = [&glob, &text].map(|it| it.chars().collect::<Vec<_>>());
            let written = glob.replace('x', "[bñ]").replace('y', "[!bñ]");
            let glob = Glob::new(&written).expect("a glob");
            prop_assert_eq!(glob.matches(&text), is_like(&glob_chars, &text_chars));
            prop_assert_eq!(glob.to_string(), written);
        }
    }

    /// Many stars that nearly match take as many steps as both texts are long, multiplied, and not as many as there are ways to divide them.
    #[test]
    fn a_glob_of_many_stars_is_no_way_to_keep_a_process_busy() {
        let glob = Glob::new(&format!("{}b", "*a".repeat(120))).expect("a glob");
        assert!(!glob.matches(&"a".repeat(253)));
        assert!(glob.matches(&format!("{}b", "a".repeat(253))));
    }
}
