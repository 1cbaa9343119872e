//! The types that parameters have.

use std::collections::BTreeSet;

use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use super::Value;
use crate::api::Format;
use crate::spelled::Spelled;
use crate::time::Span;

/// A number from 1 to `MAX`; `DEFAULT` if none is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Count<const DEFAULT: usize, const MAX: usize>(Option<usize>);

impl<const DEFAULT: usize, const MAX: usize> Count<DEFAULT, MAX> {
    /// The number, if it is within the bounds.
    #[must_use]
    pub fn new(number: usize) -> Option<Self> {
        (1..=MAX).contains(&number).then_some(Self(Some(number)))
    }

    /// The largest number.
    pub const MOST: Self = Self(Some(MAX));

    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        self.0.unwrap_or(DEFAULT)
    }

    /// The number of rows in a table, which is to be whole: as many as there may be where none is given.
    #[must_use]
    pub fn in_table(self) -> usize {
        self.0.unwrap_or(MAX)
    }

    /// The number of rows in an answer in a format.
    #[must_use]
    pub fn in_format(self, format: Format) -> usize {
        if format == Format::Json { self.get() } else { self.in_table() }
    }
}

impl<const DEFAULT: usize, const MAX: usize> Default for Count<DEFAULT, MAX> {
    fn default() -> Self {
        const { assert!(1 <= DEFAULT && DEFAULT <= MAX, "the default is within the bounds") };
        Self(None)
    }
}

impl<const DEFAULT: usize, const MAX: usize> Value for Count<DEFAULT, MAX> {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().ok().and_then(Self::new).ok_or_else(|| format!("a number from 1 to {MAX} is needed"))
    }

    fn to_text(&self) -> String {
        self.get().to_string()
    }

    fn when_absent() -> Option<Self> {
        Some(Self::default())
    }

    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1)).maximum(Some(MAX));
        number.default(Some(DEFAULT.into())).into()
    }
}

/// How many rows to skip.
impl Value for usize {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "a number from 0 is needed".to_owned())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn when_absent() -> Option<Self> {
        Some(0)
    }

    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).default(Some(0.into())).into()
    }
}

/// Yes or no.
impl Value for bool {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "true or false is needed".to_owned())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn when_absent() -> Option<Self> {
        None
    }

    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Boolean).into()
    }
}

/// A required text; `Option<String>` is one that may be left out.
impl Value for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn to_text(&self) -> String {
        self.clone()
    }

    fn when_absent() -> Option<Self> {
        None
    }

    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).into()
    }
}

impl<T: Value> Value for Option<T> {
    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn to_text(&self) -> String {
        self.as_ref().map(T::to_text).unwrap_or_default()
    }

    fn when_absent() -> Option<Self> {
        Some(None)
    }

    fn schema() -> RefOr<Schema> {
        match T::schema() {
            // If the parameter is absent there is no value, so the type's own default does not apply.
            RefOr::T(Schema::Object(object)) => ObjectBuilder::from(object).default(None).into(),
            schema => schema,
        }
    }
}

impl<T: Spelled> Value for T {
    fn parse(text: &str) -> Result<Self, String> {
        let spellings = || T::EVERY.iter().map(|value| value.spelling()).collect::<Vec<_>>().join(", ");
        T::from_spelling(text).ok_or_else(|| format!("one of {} is needed", spellings()))
    }

    fn to_text(&self) -> String {
        self.spelling().to_owned()
    }

    fn when_absent() -> Option<Self> {
        T::EVERY.first().copied()
    }

    fn schema() -> RefOr<Schema> {
        let spellings = || T::EVERY.iter().map(|value| value.spelling());
        let text = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(spellings()));
        text.default(spellings().next().map(Into::into)).into()
    }
}

/// Several values, separated by commas. The empty set means that any value will do.
impl<T: Spelled + Ord> Value for BTreeSet<T> {
    fn parse(text: &str) -> Result<Self, String> {
        text.split(',').map(T::parse).collect()
    }

    fn to_text(&self) -> String {
        self.iter().map(|value| value.spelling()).collect::<Vec<_>>().join(",")
    }

    fn when_absent() -> Option<Self> {
        Some(Self::new())
    }

    fn schema() -> RefOr<Schema> {
        ArrayBuilder::new().items(Option::<T>::schema()).min_items(Some(1)).build().into()
    }
}

impl Value for Span {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn when_absent() -> Option<Self> {
        None
    }

    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^([0-9.]+ *[A-Za-zµ]+ *)+$"));
        text.examples(["30s", "5m", "1h", "7d"]).into()
    }
}
