//! The API to read and to try: from the OpenAPI document to the content of its pages.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::api::{path, request};

use super::meanings::{Meaning, meaning};
use super::unauthorized;
use crate::language::Language;
use crate::query::{DOCS, Manner};
use crate::source::Trial;

/// Lines of an answer that are shown.
const MOST_LINES: usize = 400;

/// All routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DocsScreen {
    pub(crate) groups: Vec<(&'static str, Vec<Entry>)>,
}

/// A route in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) href: String,
    pub(crate) meaning: Meaning,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteScreen {
    pub(crate) path: String,
    pub(crate) meaning: Meaning,
    /// Where the form leads.
    pub(crate) action: String,
    pub(crate) fields: Vec<Field>,
    /// The media types of a good answer.
    pub(crate) media_types: Vec<String>,
    /// The question as asked of analytics itself: path and query.
    pub(crate) asked: String,
    pub(crate) answer: Option<Shown>,
    /// The types of the answer: name, and properties.
    pub(crate) types: Vec<(String, Vec<Property>)>,
}

/// A parameter with its place in the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) meaning: Meaning,
    /// Its type, bounds and default.
    pub(crate) kind: String,
    pub(crate) is_required: bool,
    pub(crate) input: Input,
    pub(crate) value: String,
}

/// How a parameter is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// One of these.
    Choice(Vec<String>),
    /// A whole number.
    Number { least: Option<String>, most: Option<String>, example: String },
    /// Any text, with an example.
    Text(String),
    /// Not here: the page shows JSON.
    Elsewhere,
}

/// A field of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// As in the document, in English.
    pub(crate) meaning: Meaning,
}

/// What came of trying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// The answer, and how many lines it has beyond these.
    Json(String, usize),
    /// Why there is none: in words, and as analytics says it.
    Not(String, Option<String>),
    /// A parameter is needed first.
    Needs(String),
}

/// A page of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The route; `None` for the list of all.
    pub(crate) route: Option<String>,
    /// What it is asked.
    pub(crate) given: Vec<(String, String)>,
}

/// A page of the API and how it is displayed, as an address.
pub(crate) fn href(route: Option<&str>, pairs: &[(String, String)], manner: Manner) -> String {
    let route = route.unwrap_or_default().replace('{', "%7B").replace('}', "%7D");
    manner.href(&format!("{DOCS}{route}"), pairs)
}

/// The list of all routes.
pub(crate) fn docs(document: &Value, manner: Manner) -> DocsScreen {
    let language = manner.language;
    let is_of = |group: usize, path: &str| {
        let place = match path {
            _ if !path.starts_with("/api/") => 2,
            path::PIPELINE | path::PIPELINE_HISTORY | path::REJECTED => 1,
            _ => 0,
        };
        place == group
    };
    let entry = |route: &str| Entry {
        path: route.to_owned(),
        href: href(Some(route), &[], manner),
        meaning: meaning(text(&document["paths"][route]["get"]["summary"]), language),
    };
    let names = [
        language.text("Questions about the network", "Preguntas sobre la red"),
        language.text("Questions about analytics itself", "Preguntas sobre el propio análisis"),
        language.text("For programs", "Para programas"),
    ];
    let groups = names.into_iter().enumerate();
    let groups = groups
        .map(|(group, name)| (name, path::ALL.into_iter().filter(|route| is_of(group, route)).map(entry).collect()));
    DocsScreen { groups: groups.collect() }
}

/// One route with the values given, and what came of them. `None` if there is no such route.
pub(crate) fn route(
    document: &Value,
    route: &str,
    given: &[(String, String)],
    trial: Option<Trial>,
    manner: Manner,
) -> Option<RouteScreen> {
    let operation = document["paths"].get(route)?.get("get")?;
    let language = manner.language;
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fields: Vec<Field> = parameters.iter().map(|parameter| field(parameter, given, language)).collect();
    let content = operation["responses"]["200"]["content"].as_object()?;
    let mut media_types: Vec<String> = content.keys().cloned().collect();
    media_types.sort_by_key(|media_type| media_type != "application/json");
    let mut types = Vec::new();
    for media_type in content.values() {
        collect_types(document, &media_type["schema"], &mut BTreeSet::new(), &mut types);
    }
    let needed =
        fields.iter().find(|field| field.is_required && field.value.is_empty()).map(|field| field.name.clone());
    let answer = match (needed, trial) {
        (_, None) => None,
        (Some(name), Some(_)) => Some(Shown::Needs(name)),
        (None, Some(trial)) => Some(shown(trial, language)),
    };
    Some(RouteScreen {
        path: route.to_owned(),
        meaning: meaning(text(&operation["summary"]), language),
        action: href(Some(route), &[], Manner { base: manner.base, ..Manner::default() }),
        asked: request::href(route, given.iter().map(|(name, value)| (name, value))),
        fields,
        media_types,
        answer,
        types,
    })
}

fn field(parameter: &Value, given: &[(String, String)], language: Language) -> Field {
    let (name, schema) = (text(&parameter["name"]).to_owned(), &parameter["schema"]);
    let items = if schema["type"] == "array" { &schema["items"] } else { schema };
    let choices = match text(&schema["type"]) {
        "boolean" => vec!["true".to_owned(), "false".to_owned()],
        _ => strings(&items["enum"]),
    };
    let (least, most, usual) = (number(&schema["minimum"]), number(&schema["maximum"]), number(&schema["default"]));
    let mut kind = vec![match text(&schema["type"]) {
        "integer" => language.text("whole number", "número entero").to_owned(),
        "array" if choices.is_empty() => language.text("text, once or more", "texto, una o más veces").to_owned(),
        "array" => {
            format!("{}: {}", language.text("one or more, with commas", "uno o más, con comas"), choices.join(", "))
        }
        _ if !choices.is_empty() => choices.join(", "),
        _ => language.text("text", "texto").to_owned(),
    }];
    kind.extend(match (&least, &most) {
        (Some(least), Some(most)) => Some(format!("{least}–{most}")),
        (Some(least), None) => Some(format!("≥ {least}")),
        _ => None,
    });
    kind.extend(usual.as_ref().map(|usual| format!("{} {usual}", language.text("default", "por omisión"))));
    let examples = strings(&schema["examples"]);
    let input = match text(&schema["type"]) {
        _ if name == "format" => Input::Elsewhere,
        "integer" => Input::Number { least, most, example: usual.unwrap_or_default() },
        "array" => Input::Text(choices.iter().take(2).cloned().collect::<Vec<_>>().join(",")),
        _ if !choices.is_empty() => Input::Choice(choices),
        _ => Input::Text(usual.or_else(|| examples.get(1).cloned()).unwrap_or_default()),
    };
    Field {
        value: given.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone()).unwrap_or_default(),
        meaning: meaning(text(&parameter["description"]), language),
        is_required: parameter["required"] == true,
        kind: kind.join(" · "),
        name,
        input,
    }
}

fn shown(trial: Trial, language: Language) -> Shown {
    let not = |english, spanish, said: Option<String>| Shown::Not(language.text(english, spanish).to_owned(), said);
    match trial {
        Trial::Answered(json) => {
            let lines = json.lines().count();
            let kept: Vec<&str> = json.lines().take(MOST_LINES).collect();
            Shown::Json(kept.join("\n"), lines.saturating_sub(MOST_LINES))
        }
        Trial::Bad(bad) => {
            not("This question can’t be understood.", "No se entiende esta pregunta.", Some(bad.to_string()))
        }
        Trial::Refused(status) => {
            not("Analytics refuses this question.", "El análisis rechaza esta pregunta.", Some(status.to_string()))
        }
        Trial::Unauthorized => {
            let [_, why] = unauthorized(language);
            Shown::Not(why.to_owned(), None)
        }
        Trial::Away => not("Analytics can’t be reached.", "No se puede contactar con el análisis.", None),
    }
}

/// The types that a schema is made of, itself first.
fn collect_types(
    document: &Value,
    schema: &Value,
    seen: &mut BTreeSet<String>,
    types: &mut Vec<(String, Vec<Property>)>,
) {
    if let Some(name) = referred(schema)
        && seen.insert(name.to_owned())
    {
        let mut properties = Vec::new();
        let of_it = &document["components"]["schemas"][name];
        collect_properties(document, of_it, &mut properties);
        if !properties.is_empty() {
            let listed = properties.iter().map(|(name, of_it)| Property {
                name: name.clone(),
                kind: kind(of_it),
                meaning: Meaning { text: described(document, of_it).to_owned(), foreign: None },
            });
            types.push((name.to_owned(), listed.collect()));
        }
        for (_, property) in properties {
            collect_types(document, &property, seen, types);
        }
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        for part in schema[several].as_array().into_iter().flatten() {
            collect_types(document, part, seen, types);
        }
    }
    for part in ["items", "additionalProperties"] {
        if schema[part].is_object() {
            collect_types(document, &schema[part], seen, types);
        }
    }
}

/// The properties of an object, with those of the types that it takes in.
fn collect_properties(document: &Value, schema: &Value, properties: &mut Vec<(String, Value)>) {
    if let Some(name) = referred(schema) {
        collect_properties(document, &document["components"]["schemas"][name], properties);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        collect_properties(document, part, properties);
    }
    let own = schema["properties"].as_object().into_iter().flatten();
    properties.extend(own.map(|(name, property)| (name.clone(), property.clone())));
}

/// The type of a field in a few words: `number`, `Measures`, `Incident[]`, `string | null`.
fn kind(schema: &Value) -> String {
    if let Some(name) = referred(schema) {
        return name.to_owned();
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(parts) = schema[several].as_array() {
            return parts.iter().map(kind).collect::<Vec<_>>().join(" | ");
        }
    }
    match &schema["type"] {
        Value::String(one) if one == "array" => format!("{}[]", kind(&schema["items"])),
        Value::String(one) => one.clone(),
        Value::Array(several) => {
            let of_one = |one: &Value| match text(one) {
                "array" => format!("{}[]", kind(&schema["items"])),
                one => one.to_owned(),
            };
            several.iter().map(of_one).collect::<Vec<_>>().join(" | ")
        }
        _ => "any".to_owned(),
    }
}

/// What a field means: its own description, one of what it may be, or that of its type.
fn described<'a>(document: &'a Value, schema: &'a Value) -> &'a str {
    let parts =
        ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|several| schema[several].as_array().into_iter().flatten());
    let of_parts = parts.map(|part| text(&part["description"])).find(|text| !text.is_empty()).unwrap_or_default();
    let of_type = referred(schema).map_or("", |name| text(&document["components"]["schemas"][name]["description"]));
    let own = text(&schema["description"]);
    [own, of_parts, of_type].into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn strings(values: &Value) -> Vec<String> {
    values.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A number or a text as it is written in an address.
fn number(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use shared::api::Sort;
    use shared::api::description::document;

    use super::*;

    fn shown(path: &str, given: &[(&str, &str)], trial: Option<Trial>) -> RouteScreen {
        let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        route(&document(), path, &given, trial, Manner::default()).unwrap()
    }

    #[test]
    fn the_list_has_every_route_once_and_each_leads_to_its_page() {
        let groups = docs(&document(), Manner::default()).groups;
        let mut listed: Vec<String> =
            groups.into_iter().flat_map(|(_, entries)| entries).map(|entry| entry.path).collect();
        let mut all = path::ALL.map(str::to_owned).to_vec();
        listed.sort();
        all.sort();
        assert_eq!(listed, all);
        assert!(listed.iter().all(|path| shown(path, &[], None).path == *path));
    }

    #[test]
    fn no_parameter_of_the_api_has_the_name_of_a_display_option() {
        for path in path::ALL {
            for field in shown(path, &[], None).fields {
                assert!(!["lang", "wall"].contains(&&*field.name), "{path}");
            }
        }
    }

    #[test]
    fn a_parameter_has_its_bounds_its_default_and_a_fitting_field() {
        let fields = shown(path::ANTENNAS, &[("q", "roof")], None).fields;
        let of = |name: &str| fields.iter().find(|field| field.name == name).unwrap().clone();
        assert_eq!(of("limit").kind, "whole number · 1–10000 · default 100");
        assert!(
            matches!(of("sort").input, Input::Choice(choices) if choices.len() == Sort::ALL.len() && choices[0] == "antenna_id")
        );
        assert_eq!((of("window").input, of("format").input), (Input::Text("5m".to_owned()), Input::Elsewhere));
        assert_eq!((of("q").value.as_str(), of("id").value.as_str()), ("roof", ""));
        assert!(shown(path::READINGS, &[], None).fields[0].is_required);
    }

    #[test]
    fn what_is_asked_is_the_address_that_analytics_understands() {
        let asked = |path, given: &[(&str, &str)]| shown(path, given, None).asked;
        assert_eq!(asked(path::SUMMARY, &[("window", "15m")]), "/api/v1/summary?window=15m");
        assert_eq!(asked(path::ANTENNA, &[("id", "a/b c"), ("window", "1h")]), "/api/v1/antennas/a%2Fb%20c?window=1h");
        assert_eq!(href(Some(path::ANTENNA), &[], Manner::default()), "/docs/api/v1/antennas/%7Bid%7D");
    }

    #[test]
    fn a_long_answer_is_cut_and_says_by_how_much() {
        let json = vec!["1,"; MOST_LINES + 7].join("\n");
        let Some(Shown::Json(text, more)) = shown(path::SUMMARY, &[], Some(Trial::Answered(json))).answer else {
            panic!()
        };
        assert_eq!((text.lines().count(), more), (MOST_LINES, 7));
    }

    #[test]
    fn what_is_needed_is_asked_for_before_anything_is_tried() {
        let trial = || Some(Trial::Away);
        assert_eq!(shown(path::READINGS, &[], trial()).answer, Some(Shown::Needs("antenna".to_owned())));
        assert!(matches!(shown(path::READINGS, &[("antenna", "a")], trial()).answer, Some(Shown::Not(_, None))));
    }

    #[test]
    fn an_answer_is_described_down_to_its_last_type() {
        let types = shown(path::ANTENNAS, &[], None).types;
        let of = |name: &str| types.iter().find(|(it, _)| it == name).map(|(_, properties)| properties.clone());
        let row = of("AntennaRow").unwrap();
        let kind = |name: &str| row.iter().find(|property| property.name == name).map(|property| property.kind.clone());
        assert_eq!(types[0].0, "AntennaPage");
        assert_eq!(kind("success_rate").as_deref(), Some("number | null"), "of the measures that it takes in");
        assert!(of("Latency").is_some() && of("WindowBounds").is_some());
        for (name, properties) in path::ALL.map(|path| shown(path, &[], None).types).into_iter().flatten() {
            for property in properties {
                assert!(!property.meaning.text.is_empty(), "{name}.{}", property.name);
                assert_ne!(property.kind, "any", "{name}.{}", property.name);
            }
        }
    }
}
