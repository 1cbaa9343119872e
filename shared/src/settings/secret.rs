//! Settings that nobody may see, as values or in files: how they are read, and how they keep out of logs.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A file of a secret holds no more than this. A larger one is not what was meant.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A text that is neither logged nor debugged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself. It must go nowhere but to whom it is meant for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A setting that is given as a value, or as the name of a file that holds it: `NAME` and `NAME_FILE`.
#[derive(Debug, Clone, Copy)]
pub struct ValueOrFile<'a> {
    /// The variable's name.
    pub name: &'a str,
    /// What it says.
    pub value: Option<&'a str>,
    /// What the variable with `_FILE` behind its name says.
    pub file: Option<&'a Path>,
}

impl ValueOrFile<'_> {
    /// The value, wherever it is. White space at the end of a file, as editors leave it there, is no part of it.
    ///
    /// # Errors
    /// A line that names the setting and not the value: both are given, the file cannot be read, is empty, is too large or is
    /// not UTF-8, or the value fails the check.
    pub fn read(self, check: impl Fn(&str) -> Result<(), String>) -> Result<Option<Secret>, String> {
        self.parsed(|text| check(text).map(|()| Secret::from(text)))
    }

    /// What is made of the value.
    ///
    /// # Errors
    /// As of [`Self::read`], where the value cannot be parsed.
    pub fn parsed<T>(self, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
        let Self { name, value, file } = self;
        let file_name = format!("{name}_FILE");
        let (text, setting) = match (value, file) {
            (Some(_), Some(_)) => {
                return Err(format!("{} and {} are both given; one of them is needed", named(name), named(&file_name)));
            }
            (Some(value), None) => (value.to_owned(), name.to_owned()),
            (None, Some(path)) => (read_text(path, &file_name)?, file_name),
            (None, None) => return Ok(None),
        };
        parse(&text).map(Some).map_err(|why| format!("bad value for {}: {why}", named(&setting)))
    }
}

/// A file of a secret, which may be replaced while the program runs. A clone is the same file.
#[derive(Debug, Clone)]
pub struct SecretFile {
    path: PathBuf,
    setting: &'static str,
    trouble: Arc<Trouble>,
}

impl SecretFile {
    /// The file that a setting names; `None` if it can be read only once.
    #[must_use]
    pub fn new(path: &Path, setting: &'static str) -> Option<Self> {
        can_be_read_again(path).then(|| Self { path: path.to_owned(), setting, trouble: Arc::default() })
    }

    /// What is made of what it holds now. `None` where that is of no use, which is told once.
    #[must_use]
    pub fn read_again<T>(&self, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let read = read_text(&self.path, self.setting);
        let parsed = read.and_then(|text| parse(&text).map_err(|why| bad_file(&self.path, self.setting, &why)));
        self.trouble.told(parsed)
    }
}

/// Whether there is more to read in a file than what was read first. In a pipe, as shells make one of `<(command)`, there is not: who
/// opens it again waits for ever.
pub(super) fn can_be_read_again(path: &Path) -> bool {
    path.is_file()
}

impl PartialEq for SecretFile {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, self.setting) == (&other.path, other.setting)
    }
}

impl Eq for SecretFile {}

/// What is wrong with files that are read again, as it was told last: a program that tries again and again says it once.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<Option<String>>);

impl Trouble {
    /// What was read. Where that failed, and did not fail in the same way before, one line says so.
    pub(super) fn told<T>(&self, read: Result<T, String>) -> Option<T> {
        let (read, trouble) = match read {
            Ok(read) => (Some(read), None),
            Err(why) => (None, Some(why)),
        };
        let last = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), trouble.clone());
        match trouble {
            Some(why) if last.as_ref() != Some(&why) => tracing::warn!("{why}; what was read before stays in use"),
            _ => {}
        }
        read
    }
}

/// The text of a file that a setting names, without white space at its end.
fn read_text(path: &Path, setting: &str) -> Result<String, String> {
    let bytes = read_file(path, setting, FILE_BYTES_MAX)?;
    let bad = |why: &str| bad_file(path, setting, why);
    let text = String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8"))?;
    let text = text.trim_end();
    if text.is_empty() { Err(bad("it is empty")) } else { Ok(text.to_owned()) }
}

/// The secret in a file that a field of another file names.
///
/// # Errors
/// A line that names the field and the file, and not what is in it.
pub fn read_secret(path: &Path, field: &str) -> Result<Secret, String> {
    read_text(path, field).map(Secret)
}

/// The bytes of a file that a setting names.
///
/// # Errors
/// A line that names the setting and the file: it cannot be read, is empty or holds more than `bytes_max`. What may be the secret
/// itself, as it is no absolute path and no file, is not repeated.
pub(super) fn read_file(path: &Path, setting: &str, bytes_max: u64) -> Result<Vec<u8>, String> {
    let bad = |why: &str| bad_file(path, setting, why);
    let mut bytes = Vec::new();
    let read = |file: File| file.take(bytes_max + 1).read_to_end(&mut bytes);
    File::open(path).and_then(read).map_err(|error| match error.kind() {
        _ if !path.is_absolute() && !path.exists() => {
            format!("bad file of {}: there is no such file; a path like /run/secrets/name is needed", named(setting))
        }
        io::ErrorKind::NotFound => bad("there is no such file"),
        _ => bad(&error.to_string()),
    })?;
    match bytes.len() as u64 {
        0 => Err(bad("it is empty")),
        length if length > bytes_max => Err(bad(&format!("it is larger than {} KiB", bytes_max / 1024))),
        _ => Ok(bytes),
    }
}

/// What is said of a file that cannot be used, and of the setting that names it.
pub(super) fn bad_file(path: &Path, setting: &str, why: &str) -> String {
    format!("bad file {} of {}: {why}", path.display(), named(setting))
}

/// A setting by its flag and its variable: `--redis-password (REDIS_PASSWORD)`.
#[must_use]
pub fn named(variable: &str) -> String {
    format!("--{} ({variable})", variable.to_lowercase().replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_file(path: &Path) -> Result<Option<String>, String> {
        let setting = ValueOrFile { name: "A_SECRET", value: None, file: Some(path) };
        setting.read(|_| Ok(())).map(|secret| secret.map(|secret| secret.reveal().to_owned()))
    }

    #[test]
    fn a_secret_is_a_value_or_a_file_without_white_space_at_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        for (bytes, secret) in [("hunter2", "hunter2"), ("hunter2\n", "hunter2"), (" hunter 2 \r\n\n", " hunter 2")] {
            std::fs::write(&path, bytes).expect("a file");
            assert_eq!(of_file(&path), Ok(Some(secret.to_owned())));
        }
        let read = |value, file| ValueOrFile { name: "A_SECRET", value, file }.read(|_| Ok(()));
        assert_eq!(read(Some("hunter2"), None), Ok(Some("hunter2".into())));
        assert_eq!(read(None, None), Ok(None));
        let both = read(Some("hunter2"), Some(&path)).expect_err("both are given");
        assert_eq!(
            both,
            "--a-secret (A_SECRET) and --a-secret-file (A_SECRET_FILE) are both given; one of them is needed"
        );
    }

    #[test]
    fn a_file_that_is_of_no_use_is_named_with_its_setting_and_without_what_it_holds() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        assert!(of_file(&path).is_err_and(|why| why.contains("there is no such file")));
        let large = "hunter2".repeat(20_000);
        for (bytes, why) in [
            (&b""[..], "it is empty"),
            (b" \n", "it is empty"),
            (b"hunter2\xff", "it is not UTF-8"),
            (large.as_bytes(), "it is larger than 64 KiB"),
        ] {
            std::fs::write(&path, bytes).expect("a file");
            let refused = of_file(&path).expect_err(why);
            assert_eq!(refused, format!("bad file {} of --a-secret-file (A_SECRET_FILE): {why}", path.display()));
        }
        assert!(of_file(folder.path()).is_err_and(|why| why.contains("A_SECRET_FILE") && !why.contains('\n')));
        std::fs::write(&path, "hunter2").expect("a file");
        let checked =
            ValueOrFile { name: "A_SECRET", value: None, file: Some(&path) }.read(|_| Err("too short".to_owned()));
        assert_eq!(checked, Err("bad value for --a-secret-file (A_SECRET_FILE): too short".to_owned()));
    }

    #[test]
    fn a_secret_in_place_of_its_file_is_not_repeated() {
        for secret in ["hunter2", "hunter2/hunter2+==", "../hunter2", &"hunter2".repeat(1000), "hunter2\0"] {
            let refused = of_file(Path::new(secret)).expect_err("there is no such file");
            let why = "there is no such file; a path like /run/secrets/name is needed";
            assert_eq!(refused, format!("bad file of --a-secret-file (A_SECRET_FILE): {why}"));
        }
    }

    #[test]
    fn a_file_that_is_replaced_is_read_again_and_one_of_no_use_is_not_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, "hunter1").expect("a file");
        let file = SecretFile::new(&path, "A_SECRET_FILE").expect("a file that stays");
        let long = |text: &str| if text.len() > 3 { Ok(Secret::from(text)) } else { Err("too short".to_owned()) };
        for (bytes, found, trouble) in [
            ("hunter2", Some("hunter2"), None),
            ("hunter3\n", Some("hunter3"), None),
            ("", None, Some("it is empty")),
            ("h", None, Some("too short")),
            ("hunter4", Some("hunter4"), None),
        ] {
            std::fs::write(&path, bytes).expect("a file");
            assert_eq!(file.read_again(long), found.map(Secret::from));
            let told = file.trouble.0.lock().expect("no panic").clone();
            let line = |why| format!("bad file {} of --a-secret-file (A_SECRET_FILE): {why}", path.display());
            assert_eq!(told, trouble.map(line));
        }
        std::fs::remove_file(&path).expect("a file");
        assert_eq!(file.read_again(long), None);
    }

    #[test]
    fn a_secret_is_not_debugged() {
        assert!(!format!("{:?}", Secret::from("hunter2")).contains("hunter2"));
    }
}
