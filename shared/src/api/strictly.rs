//! Whether an answer is wanted from which partitions are missing.

use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};

use super::request::{BadParameter, Part, Query, Value};

/// A question, and whether it is to be refused where partitions are missing. The parameter belongs to how the question is put, not to
/// what is asked: its answer is the same.
#[derive(Debug, Clone)]
pub struct Strictly<Q> {
    /// The question.
    pub question: Q,
    /// Whether it is refused while a partition is missing, with 503.
    pub strict: bool,
}

/// The parameter's name.
const NAME: &str = "strict";

/// `1` or `0`, and `0` where it is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Flag(bool);

impl Value for Flag {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "1" => Ok(Self(true)),
            "0" => Ok(Self(false)),
            _ => Err("1 or 0 is needed".to_owned()),
        }
    }

    fn to_text(&self) -> String {
        u8::from(self.0).to_string()
    }

    fn when_absent() -> Option<Self> {
        Some(Self(false))
    }

    fn schema() -> RefOr<Schema> {
        let values = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([0, 1])).default(Some(0.into()));
        values.into()
    }
}

impl<Q: Part> Part for Strictly<Q> {
    fn read(name: &'static str, query: &mut Query) -> Result<Self, BadParameter> {
        let Flag(strict) = Flag::read(NAME, query)?;
        Ok(Self { question: Q::read(name, query)?, strict })
    }

    fn write(&self, name: &'static str, pairs: &mut Vec<(&'static str, String)>) {
        self.question.write(name, pairs);
        Flag(self.strict).write(NAME, pairs);
    }

    fn describe(name: &'static str, description: &str, parameters: &mut Vec<Parameter>) {
        Q::describe(name, description, parameters);
        let about =
            "1 refuses an answer from which partitions are missing, with 503; without it, the answer names them.";
        Flag::describe(NAME, about, parameters);
    }
}
