//! The form to log in, and the page of whoever is known.

use std::time::Duration;

use leptos::prelude::*;

use crate::components::{Hidden, LevelBadge};
use crate::language::Language;
use crate::model::{Level, quiet};
use crate::query::{AUDIT, Access, LOGIN, LOGOUT, Manner, QUIET};

/// What is to be said above the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The name, or the password.
    Wrong,
    /// It may be tried again after this time.
    TooOften(Duration),
    /// Too many others try at this moment.
    Busy,
    /// The browser did not keep the cookie of the session.
    NotKept,
    /// The session is over, as was asked for.
    Left,
}

impl Said {
    fn words(self, language: Language) -> String {
        let words = match self {
            Self::TooOften(wait) => {
                let seconds = wait.as_secs() + 1;
                return match language {
                    Language::English => {
                        format!("It was tried too often, for this name or from this network. Try again in {seconds} s.")
                    }
                    Language::Spanish => format!(
                        "Se ha intentado demasiadas veces, con este nombre o desde esta red. Vuelva a intentarlo en {seconds} s."
                    ),
                };
            }
            Self::Wrong => language.text(
                "The name or the password is wrong.",
                "El nombre o la contraseña no son correctos.",
            ),
            Self::Busy => language.text(
                "Many others log in at this moment. Try again in a few seconds.",
                "Muchos otros inician sesión en este momento. Vuelva a intentarlo en unos segundos.",
            ),
            Self::NotKept => language.text(
                "Your browser did not keep the session’s cookie. It does so over https only, and where cookies are not blocked. For a trial \
                 without https, whoever runs the dashboard can set AUTH_PLAIN_HTTP.",
                "Su navegador no guardó la cookie de la sesión. Solo lo hace por https y donde no se bloquean las cookies. Para una prueba sin \
                 https, quien administra el panel puede fijar AUTH_PLAIN_HTTP.",
            ),
            Self::Left => language.text("You are logged out.", "Ha cerrado la sesión."),
        };
        words.to_owned()
    }

    const fn level(self) -> Level {
        match self {
            Self::Left => Level::Good,
            _ => Level::Bad,
        }
    }
}

/// The form to log in.
#[component]
pub(crate) fn LoginPage(said: Option<Said>, name: String, to: String, manner: Manner) -> AnyView {
    let language = manner.language;
    let said = said.map(|said| {
        let (level, words) = (said.level(), said.words(language));
        view! { <p class=format!("remark level-{}", level.class()) role="alert"><LevelBadge level/><span>{words}</span></p> }
    });
    let hidden = vec![("to".to_owned(), to)];
    view! {
        <section class="card message">
            <h1>{language.text("Log in", "Iniciar sesión")}</h1>
            {said}
            <form class="fields" method="post" action=manner.href_of(LOGIN)>
                <Hidden pairs=hidden/>
                <label>
                    <span>{language.text("Name", "Nombre")}</span>
                    <input type="text" name="name" value=name required=true maxlength="64" autocomplete="username" autocapitalize="none"
                        spellcheck="false"/>
                </label>
                <label>
                    <span>{language.text("Password", "Contraseña")}</span>
                    <input type="password" name="password" required=true maxlength="1024" autocomplete="current-password"/>
                </label>
                <button class="button is-main" type="submit">{language.text("Log in", "Iniciar sesión")}</button>
            </form>
        </section>
    }
    .into_any()
}

/// Who is known, and what they may do.
#[component]
pub(crate) fn AccountPage(name: String, token: Option<String>, manner: Manner) -> AnyView {
    let language = manner.language;
    let may = match manner.access {
        Access::Operator => language.text(
            "You are an operator: you see everything, and may change things.",
            "Es operador: lo ve todo y puede hacer cambios.",
        ),
        Access::Viewer | Access::Open => language.text(
            "You are a viewer: you see everything, and change nothing.",
            "Es observador: lo ve todo y no cambia nada.",
        ),
    };
    let leave = token.map(|token| {
        let hidden = vec![("token".to_owned(), token)];
        view! {
            <form class="fields" method="post" action=manner.href_of(LOGOUT)>
                <Hidden pairs=hidden/>
                <button class="button is-main" type="submit">{language.text("Log out", "Cerrar sesión")}</button>
            </form>
        }
    });
    view! {
        <section class="card message">
            <h1><bdi class="name">{name}</bdi></h1>
            <p>{may}</p>
            <p><a href=manner.href_of(QUIET)>{quiet::heading(language)}</a></p>
            <p><a href=manner.href_of(AUDIT)>{language.text("Who did what", "Quién hizo qué")}</a></p>
            {leave}
        </section>
    }
    .into_any()
}
