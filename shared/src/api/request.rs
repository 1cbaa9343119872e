//! How a question is read from a query string, and written as one.
//!
//! A request declares its parameters once, with the macro [`request!`]: their names, their types and their meaning.
//! Reading, writing and the description in the OpenAPI document are derived from that, so they cannot disagree. Reading
//! what was written gives the same request.

mod values;

use form_urlencoded::{Serializer, byte_serialize};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::{RefOr, Required, Schema};

pub use self::values::Count;
use super::{Format, WindowRequest};

/// What a route is asked, with its path and the type of its answer.
pub trait Request: Part {
    /// The route's path, one of [`super::path`]. A parameter whose name stands in it, in braces, is a part of the path.
    const PATH: &'static str;

    /// What is asked, for the OpenAPI document.
    const MEANING: &'static str;

    /// The formats in which it is answered; the first where a client has no wish.
    const FORMATS: &'static [Format] = &[Format::Json];

    /// Whether the answer may be a part of a list; it then says how long the list is.
    const IS_LIST: bool = false;

    /// What the route answers as JSON.
    type Answer: Serialize + DeserializeOwned + ToSchema;

    /// The window that is asked about; `None` if it is about whatever is kept.
    fn window(&self) -> Option<WindowRequest> {
        None
    }

    /// The format that is asked for.
    fn format(&self) -> Option<Format> {
        None
    }

    /// Reads a request from the decoded parameters of a path and of a query string.
    ///
    /// # Errors
    /// The first parameter that is unknown, missing, given twice or has a bad value.
    fn read_from(pairs: Vec<(String, String)>) -> Result<Self, BadParameter> {
        read_all(pairs)
    }

    /// The request as a path with its query string. Equal requests have the same, and others another.
    #[must_use]
    fn href(&self) -> String {
        href(Self::PATH, self.pairs())
    }

    /// The request as parameters, not encoded. Defaults are left out.
    #[must_use]
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        self.write("", &mut pairs);
        pairs
    }

    /// The parameters, for the OpenAPI document.
    #[must_use]
    fn parameters() -> Vec<Parameter> {
        let mut parameters = Vec::new();
        Self::describe("", "", &mut parameters);
        for parameter in &mut parameters {
            if place_in_path(Self::PATH, &parameter.name).is_some() {
                parameter.parameter_in = ParameterIn::Path;
            }
        }
        parameters
    }
}

/// Reads parameters, none of which may be unknown.
///
/// # Errors
/// The first parameter that is unknown, missing, given twice or has a bad value.
pub fn read_all<P: Part>(pairs: Vec<(String, String)>) -> Result<P, BadParameter> {
    let mut query = Query { pairs, known: Vec::new() };
    let request = P::read("", &mut query)?;
    query.finish()?;
    Ok(request)
}

/// The path of a route with its parameters, each in its place in the path or in the query string.
pub fn href<N: AsRef<str>, V: AsRef<str>>(route: &str, pairs: impl IntoIterator<Item = (N, V)>) -> String {
    let mut path = route.to_owned();
    let mut query = Serializer::new(String::new());
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        match place_in_path(route, name) {
            // In a path, a plus sign is itself and not a space.
            Some(place) => {
                let value = byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20");
                path = path.replace(&place, &value);
            }
            None => _ = query.append_pair(name, value),
        }
    }
    let query = query.finish();
    if query.is_empty() { path } else { format!("{path}?{query}") }
}

/// How a parameter is written in the path of a route, if it is a part of it.
fn place_in_path(path: &str, name: &str) -> Option<String> {
    let place = format!("{{{name}}}");
    path.contains(&place).then_some(place)
}

/// A part of a request: the value of one parameter, or parameters that belong together and have names of their own.
pub trait Part: Sized {
    /// Takes the part out of the query.
    ///
    /// # Errors
    /// The parameter that cannot be understood.
    fn read(name: &'static str, query: &mut Query) -> Result<Self, BadParameter>;

    /// Appends the part's pairs.
    fn write(&self, name: &'static str, pairs: &mut Vec<(&'static str, String)>);

    /// Appends the description of the part's parameters.
    fn describe(name: &'static str, description: &str, parameters: &mut Vec<Parameter>);
}

/// No parameter.
impl Part for () {
    fn read(_: &'static str, _: &mut Query) -> Result<Self, BadParameter> {
        Ok(())
    }

    fn write(&self, _: &'static str, _: &mut Vec<(&'static str, String)>) {}

    fn describe(_: &'static str, _: &str, _: &mut Vec<Parameter>) {}
}

/// The value of one parameter.
pub trait Value: Sized + PartialEq {
    /// Reads the value.
    ///
    /// # Errors
    /// What is needed instead.
    fn parse(text: &str) -> Result<Self, String>;

    /// The text from which [`Self::parse`] reads this value.
    fn to_text(&self) -> String;

    /// The value if the parameter is absent; `None` if it is required.
    fn when_absent() -> Option<Self>;

    /// Its JSON schema.
    fn schema() -> RefOr<Schema>;
}

impl<T: Value> Part for T {
    fn read(name: &'static str, query: &mut Query) -> Result<Self, BadParameter> {
        match query.take(name)? {
            Some(text) => T::parse(&text).map_err(|why| BadParameter::new(name, why)),
            None => T::when_absent().ok_or_else(|| BadParameter::new(name, "it is needed")),
        }
    }

    fn write(&self, name: &'static str, pairs: &mut Vec<(&'static str, String)>) {
        if T::when_absent().as_ref() != Some(self) {
            pairs.push((name, self.to_text()));
        }
    }

    fn describe(name: &'static str, description: &str, parameters: &mut Vec<Parameter>) {
        let schema = T::schema();
        // Several values are separated by commas, instead of repeating the parameter.
        let is_list = matches!(schema, RefOr::T(Schema::Array(_)));
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(if T::when_absent().is_some() { Required::False } else { Required::True })
            .description(Some(description))
            .style(is_list.then_some(ParameterStyle::Form))
            .explode(is_list.then_some(false))
            .schema(Some(schema));
        parameters.push(parameter.build());
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad value for the parameter {name}: {why}")]
pub struct BadParameter {
    /// The parameter.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

impl BadParameter {
    /// A parameter, and what is wrong with it.
    pub fn new(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), why: why.into() }
    }
}

/// The pairs of a query string that no part of the request has taken yet.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Query {
    /// Takes a parameter out.
    ///
    /// # Errors
    /// If it is given twice.
    pub fn take(&mut self, name: &'static str) -> Result<Option<String>, BadParameter> {
        let mut values = self.take_all(name).into_iter();
        let value = values.next();
        if values.next().is_some() {
            return Err(BadParameter::new(name, "it is given twice"));
        }
        Ok(value)
    }

    /// Takes a parameter out that may be given several times.
    pub fn take_all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        self.pairs.extract_if(.., |(given, _)| given == name).map(|(_, value)| value).collect()
    }

    /// Refuses parameters that no part has taken.
    fn finish(self) -> Result<(), BadParameter> {
        let Some((name, _)) = self.pairs.into_iter().next() else { return Ok(()) };
        let why = match &*self.known {
            [] => "it is not known here; there are no parameters".to_owned(),
            known => format!("it is not known here; known are {}", known.join(", ")),
        };
        Err(BadParameter { name, why })
    }
}

/// Declares the parameters of a request, or those that several requests share.
///
/// A field's comment describes its parameter to clients. The parameter has the field's name, unless `as` gives it
/// another.
macro_rules! request {
    (
        $(#[$about:meta])*
        pub struct $request:ident {
            $($(#[doc = $description:literal])+ pub $field:ident $(as $name:literal)?: $type:ty,)*
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
        pub struct $request {
            $($(#[doc = $description])+ pub $field: $type,)*
        }

        impl $crate::api::request::Part for $request {
            #[allow(unused_variables, reason = "there are requests without a parameter")]
            fn read(
                _: &'static str,
                query: &mut $crate::api::request::Query,
            ) -> Result<Self, $crate::api::request::BadParameter> {
                Ok(Self {
                    $($field: $crate::api::request::Part::read(
                        $crate::api::request::name!($field $($name)?),
                        query,
                    )?,)*
                })
            }

            #[allow(unused_variables, reason = "there are requests without a parameter")]
            fn write(&self, _: &'static str, pairs: &mut Vec<(&'static str, String)>) {
                $($crate::api::request::Part::write(
                    &self.$field,
                    $crate::api::request::name!($field $($name)?),
                    pairs,
                );)*
            }

            #[allow(unused_variables, reason = "there are requests without a parameter")]
            fn describe(_: &'static str, _: &str, parameters: &mut Vec<utoipa::openapi::path::Parameter>) {
                $(<$type as $crate::api::request::Part>::describe(
                    $crate::api::request::name!($field $($name)?),
                    concat!($($description),+).trim(),
                    parameters,
                );)*
            }
        }
    };
}

/// The name of a field's parameter.
macro_rules! name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

pub(crate) use {name, request};

#[cfg(test)]
mod tests;
