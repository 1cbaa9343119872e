//! What is wrong with a file that an operator writes, and where.

use std::fmt;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// A place in a file, both from 1: in TOML a line and a character of it; in CSV a line and a field of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: u64,
    /// From 1.
    pub column: u64,
}

impl Place {
    /// Behind so many bytes of a text.
    #[must_use]
    pub fn at(text: &str, offset: usize) -> Self {
        Self::behind(text.get(..offset).unwrap_or(text))
    }

    /// Behind a text.
    #[must_use]
    pub fn behind(text: &str) -> Self {
        let line = text.rsplit('\n').next().unwrap_or_default();
        Self { line: text.matches('\n').count() as u64 + 1, column: line.chars().count() as u64 + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// What is wrong with a file: a line for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where; `None` where it is about the file as a whole.
    pub place: Option<Place>,
    /// What.
    pub why: String,
}

impl Fault {
    /// About the file as a whole.
    #[must_use]
    pub const fn of_file(why: String) -> Self {
        Self { place: None, why }
    }

    /// The text of a file that holds no more than so many bytes, without the mark that some editors put in front of it.
    ///
    /// # Errors
    /// It holds more, or is not UTF-8.
    pub fn or_text(bytes: &[u8], bytes_max: u64) -> Result<&str, Self> {
        if bytes.len() as u64 > bytes_max {
            let most =
                if bytes_max < MIB { format!("{} KiB", bytes_max / KIB) } else { format!("{} MiB", bytes_max / MIB) };
            return Err(Self::of_file(format!("it is larger than {most}")));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            Self { place: Some(Place::behind(&before)), why: "it is not UTF-8 from here on".to_owned() }
        })?;
        Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// What the reader of TOML says of a text, without what stands there.
    #[must_use]
    pub fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        // It shows the lines around it too, which are in the file.
        let why = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        Self { place: error.span().map(|span| Place::at(text, span.start)), why }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(place) => write!(f, "{place}: {}", self.why),
            None => f.write_str(&self.why),
        }
    }
}

impl std::error::Error for Fault {}
