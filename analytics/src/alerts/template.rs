//! The texts that receivers get, from templates: our own, or one that the operator wrote in their place.
//!
//! Whatever an antenna, a site or a label is called is data: it is escaped as the receiver needs it, so it is shown and does nothing.

use std::sync::Arc;

use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior};
use shared::api::ReceiverType;

use super::message::Message;

/// Steps that a template may take: enough for a thousand incidents, and no loop without an end.
const FUEL: u64 = 2_000_000;

/// A text is no longer; what is beyond is cut. Slack takes 40,000 characters, a message of Teams 28 KB.
const TEXT_MAX: usize = 20_000;

const BODY: &str = "body";

/// The name of how texts are escaped for Slack.
const SLACK: &str = "slack";

const SUBJECT: &str = "subject";

const DEFAULT_SUBJECT: &str = "[Vigía] {{ title }}";

const DEFAULT_BODY: &str = "\
{{ title }}
{% for it in alerts %}
- {{ it.phase }}: {{ it.kind }}, {{ it.antenna_id }}\
{% if it.name %} \"{{ it.name }}\"{% endif %}{% if it.site %} at {{ it.site }}{% endif %}, since {{ it.start }}\
{% if it.end %} until {{ it.end }} ({{ it.ended_by }}){% endif %}\
{% if it.packets_sent %}, {{ it.packets_lost }} of {{ it.packets_sent }} packets lost{% endif %}\
{% if it.kind == 'network' and it.worst_success_rate is not none %}, \
success rate {{ (it.worst_success_rate * 100) | round(2) }} % at worst{% endif %}\
{% if it.behind %}, and {{ it.behind }} antenna{% if it.behind > 1 %}s{% endif %} \
{% if it.kind == 'site' %}there{% else %}behind it{% endif %}{% endif %}\
{% endfor %}
{% if more %}
- and {{ more }} more: {{ counts }}
{% endif %}";

/// The templates of a receiver. Clones share them.
#[derive(Debug, Clone)]
pub struct Templates {
    environment: Arc<Environment<'static>>,
    is_own_body: bool,
}

impl Templates {
    /// The templates of a receiver of a type, with the operator's in place of ours where they are given.
    ///
    /// # Errors
    /// What is wrong with one, and in which of its lines; an example is rendered.
    pub fn new(kind: ReceiverType, body: Option<String>, subject: Option<String>) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let escape = match kind {
            ReceiverType::Webhook | ReceiverType::Alertmanager => AutoEscape::Json,
            ReceiverType::Slack => AutoEscape::Custom(SLACK.into()),
            ReceiverType::Teams | ReceiverType::Email => AutoEscape::None,
        };
        environment.set_auto_escape_callback(move |_| escape.clone());
        environment.set_formatter(write);
        let is_own_body = body.is_some();
        let subject = subject.unwrap_or_else(|| DEFAULT_SUBJECT.to_owned());
        for (name, source) in [(BODY, body.unwrap_or_else(|| DEFAULT_BODY.to_owned())), (SUBJECT, subject)] {
            environment.add_template_owned(name, source).map_err(|error| told(name, &error))?;
        }
        let templates = Self { environment: Arc::new(environment), is_own_body };
        let example = Message::example();
        let body = templates.body(&example)?;
        if kind == ReceiverType::Webhook && is_own_body {
            let checked: Result<serde_json::Value, _> = serde_json::from_str(&body);
            checked.map_err(|error| format!("template: what it makes of an example is no JSON: {error}"))?;
        }
        templates.subject(&example)?;
        Ok(templates)
    }

    /// Whether the operator wrote the body's.
    #[must_use]
    pub const fn is_own_body(&self) -> bool {
        self.is_own_body
    }

    /// The text of a message.
    ///
    /// # Errors
    /// Why the template cannot be rendered.
    pub fn body(&self, message: &Message) -> Result<String, String> {
        let text = self.render(BODY, message)?;
        // A document that is cut is none.
        Ok(if self.is_own_body { text } else { cut(text) })
    }

    /// The subject of a mail, in one line.
    ///
    /// # Errors
    /// Why the template cannot be rendered.
    pub fn subject(&self, message: &Message) -> Result<String, String> {
        let text = self.render(SUBJECT, message)?;
        let line: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).take(200).collect();
        Ok(line.trim().to_owned())
    }

    fn render(&self, name: &str, message: &Message) -> Result<String, String> {
        let template = self.environment.get_template(name).map_err(|error| told(name, &error))?;
        let document = serde_json::to_value(message).and_then(serde_json::from_value::<Value>);
        let document = document.map_err(|error| error.to_string())?;
        template.render(document).map_err(|error| told(name, &error))
    }
}

/// Writes a value as the receiver needs it.
fn write(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let is_slack = matches!(state.auto_escape(), AutoEscape::Custom(name) if name == SLACK);
    if !is_slack || value.is_safe() {
        return minijinja::escape_formatter(out, state, value);
    }
    // Slack makes links, mentions and channels of what stands in angle brackets, and of nothing else.
    let text = if value.kind() == ValueKind::None { String::new() } else { value.to_string() };
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    out.write_str(&escaped).map_err(Error::from)
}

fn told(name: &str, error: &Error) -> String {
    let line = error.line().map(|line| format!(" in its line {line}")).unwrap_or_default();
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let name = if name == BODY { "template" } else { name };
    format!("{name}: {}{line}{detail}", error.kind())
}

fn cut(text: String) -> String {
    if text.chars().count() <= TEXT_MAX {
        return text;
    }
    let mut cut: String = text.chars().take(TEXT_MAX).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use shared::UnixMillis;
    use shared::api::AlertKind;

    use super::*;
    use crate::alerts::incident::Incident;
    use crate::alerts::message::{Alert, Notice};
    use crate::alerts::state::Known;

    /// What each receiver's own template says of a rule of the network.
    #[test]
    fn what_a_success_rate_was_at_worst_is_said_where_a_rule_is_about_one() {
        let body = |rate: Option<f64>| {
            let at = UnixMillis(1_700_000_000_000);
            let incident = Incident { worst_success_rate: rate, ..Incident::begun("all", AlertKind::Network, at) };
            let alerts = vec![Alert::of(&Known::new(incident, String::new(), at), None, 0, 0)];
            let notice = Notice { alerts, ..Notice::example("a", "b", at) };
            let templates = Templates::new(ReceiverType::Slack, None, None).expect("a template");
            templates.body(&notice.message(20)).expect("a text")
        };
        let line = "- began: network, all, since 2023-11-14T22:13:20.000Z";
        assert!(
            body(Some(0.49504)).contains(&format!("{line}, success rate 49.5 % at worst")),
            "{}",
            body(Some(0.49504))
        );
        let without = body(None);
        assert!(without.contains(line) && !without.contains("success rate"), "{without}");
    }
}
