//! The token without which analytics answers nobody.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use subtle::ConstantTimeEq as _;

use super::secret::{Secret, SecretFile, ValueOrFile};
use crate::health;

/// What only clients of analytics know. It is not debugged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(Secret);

/// Fewer characters could be tried out.
const LENGTH_MIN: usize = 16;

/// More would not fit into a header everywhere.
const LENGTH_MAX: usize = 1024;

impl Token {
    /// A token of a text, which has the characters of a bearer token (RFC 6750), and enough of them.
    ///
    /// # Errors
    /// What is wrong with it, without a part of it.
    pub fn new(text: &str) -> Result<Self, String> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if (LENGTH_MIN..=LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_allowed) {
            return Ok(Self(text.into()));
        }
        Err(format!(
            "{LENGTH_MIN} to {LENGTH_MAX} letters, digits and -._~+/= are needed, like those of `openssl rand -hex 32`"
        ))
    }

    /// The value of the header `Authorization` with which a client says that it knows the token.
    #[must_use]
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0.reveal())
    }

    /// Whether the value of a header `Authorization` holds the token. How long that takes does not depend on where it differs.
    #[must_use]
    pub fn is_in(&self, header: &[u8]) -> bool {
        let Some((scheme, given)) = header.split_first_chunk::<7>() else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && self.0.reveal().as_bytes().ct_eq(given.trim_ascii()).into()
    }
}

/// A token, and where it is kept: a value stays what it is, and a file may hold another token one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptToken {
    first: Token,
    file: Option<SecretFile>,
}

impl KeptToken {
    /// The token that was there when the program started.
    #[must_use]
    pub const fn first(&self) -> &Token {
        &self.first
    }

    /// Whether it is in a file.
    #[must_use]
    pub const fn is_in_a_file(&self) -> bool {
        self.file.is_some()
    }

    /// What the file holds now, read on a thread that may be blocked. `None` where there is no file or it is of no use, which is
    /// told once.
    pub async fn read_again(&self) -> Option<Token> {
        let file = self.file.clone()?;
        tokio::task::spawn_blocking(move || file.read_again(Token::new)).await.ok().flatten()
    }
}

impl From<Token> for KeptToken {
    fn from(token: Token) -> Self {
        Self { first: token, file: None }
    }
}

/// Whether analytics demands a token, or has to be told one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenSettings {
    /// The token; `None` where anybody may ask.
    pub token: Option<KeptToken>,
}

/// What the command line and the environment say.
#[derive(Debug, Args)]
struct TokenArguments {
    /// Token that analytics demands of whoever asks it, and that the dashboard sends; none if not set. Others on this machine can
    /// see the value of a flag
    #[arg(long, env = "ANALYTICS_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    analytics_token: Option<String>,
    /// File that holds the token; when it holds another one, that one counts without a restart
    #[arg(long, env = "ANALYTICS_TOKEN_FILE", value_name = "FILE")]
    analytics_token_file: Option<PathBuf>,
}

impl Args for TokenSettings {
    fn augment_args(command: Command) -> Command {
        TokenArguments::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        TokenArguments::augment_args_for_update(command)
    }
}

impl FromArgMatches for TokenSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let setting = ValueOrFile {
            name: "ANALYTICS_TOKEN",
            value: matches.get_one::<String>("analytics_token").map(String::as_str),
            file: matches.get_one::<PathBuf>("analytics_token_file").map(PathBuf::as_path),
        };
        if health::is_asked(matches) {
            // Probes need no token, and are not to fail while the file is being replaced.
            return Ok(Self::default());
        }
        let token = setting.parsed(Token::new).map_err(|line| clap::Error::raw(ErrorKind::ValueValidation, line))?;
        let file = setting.file.and_then(|path| SecretFile::new(path, "ANALYTICS_TOKEN_FILE"));
        Ok(Self { token: token.map(|first| KeptToken { first, file }) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const TOKEN: &str = "hunter2-hunter2-hunter2";

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        settings: TokenSettings,
    }

    fn parse(arguments: &[&str]) -> Result<Option<Token>, String> {
        let program = Program::try_parse_from(std::iter::once("program").chain(arguments.iter().copied()));
        let token = |program: Program| program.settings.token.map(|token| token.first);
        program.map(token).map_err(|error| super::super::one_line::<Program>(&error))
    }

    #[test]
    fn a_header_holds_the_token_or_it_does_not() {
        let token = Token::new(TOKEN).expect("a good token");
        assert!(token.is_in(token.header().as_bytes()));
        for (header, is_in) in [
            (format!("bearer {TOKEN}"), true),
            (format!("BEARER  {TOKEN}"), true),
            (format!("Basic {TOKEN}"), false),
            (format!("Bearer {TOKEN}x"), false),
            (format!("Bearer {}", &TOKEN[1..]), false),
            (format!("Bearer {}", TOKEN.to_uppercase()), false),
            (format!("Bearer{TOKEN}"), false),
            (TOKEN.to_owned(), false),
            ("Bearer ".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(token.is_in(header.as_bytes()), is_in, "{header}");
        }
    }

    /// As a shell makes one of `<(command)`: to open it again would be to wait for whoever wrote into it.
    #[test]
    fn a_pipe_is_read_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        let writing = std::thread::spawn({
            let path = path.clone();
            move || std::fs::write(path, TOKEN).expect("somebody who reads")
        });
        let arguments = ["program", "--analytics-token-file", path.to_str().expect("text")];
        let kept = Program::try_parse_from(arguments).expect("a good token").settings.token.expect("a token");
        writing.join().expect("no panic");
        assert!(kept.first() == &Token::new(TOKEN).expect("a good token") && !kept.is_in_a_file());
    }

    #[test]
    fn a_token_is_a_value_or_in_a_file_and_never_repeated() {
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&["--analytics-token", TOKEN]), Ok(Token::new(TOKEN).ok()));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), format!("{TOKEN}\n")).expect("a token");
        let path = file.path().to_str().expect("text");
        assert_eq!(parse(&["--analytics-token-file", path]), Ok(Token::new(TOKEN).ok()));
        for bad in ["", "hunter2", "hunter2 hunter2 hunter2", "hunter2hunter2hunter2ñ", &TOKEN.repeat(50)] {
            let refused = parse(&["--analytics-token", bad]).expect_err(bad);
            assert!(refused.starts_with("bad value for --analytics-token (ANALYTICS_TOKEN): 16 to 1024"), "{refused}");
            assert!(!refused.contains("hunter2") && !refused.contains('\n'), "{refused}");
        }
        assert!(!format!("{:?}", parse(&["--analytics-token", TOKEN])).contains("hunter2"));
    }
}
