//! The languages of the pages. Both texts stand side by side in the code, so that neither is forgotten.

use shared::negotiation;

/// A language of the pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English, the default.
    #[default]
    English,
    /// Spanish.
    Spanish,
}

impl Language {
    /// Every language, in the order in which the page offers them.
    pub const ALL: [Self; 2] = [Self::English, Self::Spanish];

    /// The language as HTML and addresses spell it.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }

    /// The language's own name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Spanish => "Español",
        }
    }

    /// The language with a given code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.code() == code)
    }

    /// The browser's preferred language by its `Accept-Language` header (RFC 9110, section 12.5.4): of the available ones
    /// the one with the highest weight, and among equals the first.
    #[must_use]
    pub fn preferred(header: Option<&str>) -> Self {
        let spoken = |tag: &str| {
            let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
            Self::from_code(&primary)
        };
        negotiation::preferred(header, spoken).unwrap_or_default()
    }

    /// The text in this language.
    #[must_use]
    pub const fn text<'a>(self, english: &'a str, spanish: &'a str) -> &'a str {
        match self {
            Self::English => english,
            Self::Spanish => spanish,
        }
    }
}
