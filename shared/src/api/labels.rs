//! Labels that antennas are to have: a parameter that may be given several times.

use std::collections::BTreeSet;
use std::fmt;

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use super::request::{BadParameter, Part, Query};

/// An antenna has no more labels.
pub const MAX_LABELS: usize = 16;

/// What a label has to be like, for clients.
const PATTERN: &str = "^[A-Za-z_][A-Za-z0-9_]*:";

/// A label, written `key:value`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// Letters, digits and `_`, not beginning with a digit.
    pub key: String,
    /// Any text.
    pub value: String,
}

/// Labels, all of which an antenna is to have; where there are none, any antenna will do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Labels(pub BTreeSet<Label>);

impl Label {
    /// The label that a text is; `None` where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (key, value) = text.split_once(':')?;
        let is_key = |key: &str| {
            key.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
                && key.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
        };
        is_key(key).then(|| Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.key, self.value)
    }
}

impl Part for Labels {
    fn read(name: &'static str, query: &mut Query) -> Result<Self, BadParameter> {
        let given = query.take_all(name);
        if given.len() > MAX_LABELS {
            return Err(BadParameter::new(name, format!("it is given more than {MAX_LABELS} times")));
        }
        let label = |text: &String| {
            let why = "key:value is needed, with a key of letters, digits and _";
            Label::parse(text).ok_or_else(|| BadParameter::new(name, why))
        };
        given.iter().map(label).collect::<Result<_, _>>().map(Self)
    }

    fn write(&self, name: &'static str, pairs: &mut Vec<(&'static str, String)>) {
        pairs.extend(self.0.iter().map(|label| (name, label.to_string())));
    }

    fn describe(name: &'static str, description: &str, parameters: &mut Vec<Parameter>) {
        let label = ObjectBuilder::new().schema_type(Type::String).pattern(Some(PATTERN)).examples(["ring:2"]);
        let label = RefOr::<Schema>::from(label);
        let labels = ArrayBuilder::new().items(label).min_items(Some(1)).max_items(Some(MAX_LABELS));
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(Required::False)
            .description(Some(description))
            .style(Some(ParameterStyle::Form))
            .explode(Some(true))
            .schema(Some(labels.build()));
        parameters.push(parameter.build());
    }
}
