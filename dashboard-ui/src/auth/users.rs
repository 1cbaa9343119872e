//! Names, roles and hashes of passwords, a line for each user: `name:role:hash`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{ARGON2ID_IDENT, Argon2, Params, PasswordHasher as _, PasswordVerifier as _};
use ring::rand::{SecureRandom as _, SystemRandom};
use shared::settings::{Secret, SecretFile};
use tokio::sync::Semaphore;

use super::{PASSWORD_BYTES_MAX, Role, is_name};

/// A hash may take so much memory, in KiB, and so many rounds: it is computed whenever somebody tries a password.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
const ROUNDS_MAX: u32 = 16;

/// Passwords that are tried at a time: each takes a thread and the memory of its hash.
const AT_A_TIME: usize = 2;

/// So many wait for their turn.
const WAITING: usize = 32;

/// Shorter passwords are guessed.
const PASSWORD_CHARACTERS_MIN: usize = 8;

/// Somebody in the file.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) role: Role,
    /// With its parameters and its salt.
    pub(super) hash: PasswordHash,
}

/// Everybody in the file. Hashes are not debugged.
#[derive(Clone, PartialEq, Eq)]
pub struct Users {
    users: BTreeMap<String, User>,
    /// A hash that takes as long as the slowest one, and that no password has: for names that are not there.
    decoy: Box<PasswordHash>,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} users", self.users.len())
    }
}

impl Users {
    /// The users that lines tell. Empty lines and those that begin with `#` are none.
    ///
    /// # Errors
    /// What is wrong with which line, without any of it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut users = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = |why: &str| format!("line {number}: {why}");
            let (name, user) = parse_line(line).map_err(|why| at(&why))?;
            if users.insert(name, user).is_some() {
                return Err(at("the name is there already"));
            }
        }
        let cost = |hash: &PasswordHash| Params::try_from(hash).map_or(0, |params| params.m_cost() * params.t_cost());
        let slowest = users.values().map(|user| &user.hash).max_by_key(|hash| cost(hash));
        let mut decoy = Box::new(slowest.cloned().ok_or("there is no user in it")?);
        let mut output = [0; Output::MAX_LENGTH];
        let output = &mut output[..decoy.hash.as_ref().map_or(Output::MAX_LENGTH, Output::len)];
        SystemRandom::new().fill(output).map_err(|_| "the system has no random numbers")?;
        decoy.hash = Output::new(output).ok();
        Ok(Self { users, decoy })
    }
}

/// `ana:operator:$argon2id$v=19$...`.
fn parse_line(line: &str) -> Result<(String, User), String> {
    let mut parts = line.splitn(3, ':');
    let (Some(name), Some(role), Some(hash)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("name:role:hash is needed".to_owned());
    };
    if !is_name(name) {
        return Err("a name has 1 to 64 letters, digits, spaces and -._@+\\".to_owned());
    }
    let role = match role {
        "viewer" => Role::Viewer,
        "operator" => Role::Operator,
        _ => return Err("the role is viewer or operator".to_owned()),
    };
    let wrong = "the hash is one like `dashboard hash-password` prints, which begins with $argon2id$";
    let hash = PasswordHash::new(hash).map_err(|_| wrong)?;
    let params = Params::try_from(&hash).map_err(|_| wrong)?;
    if hash.algorithm != ARGON2ID_IDENT || hash.salt.is_none() || hash.hash.is_none() {
        return Err(wrong.to_owned());
    }
    if params.m_cost() > MEMORY_KIB_MAX || params.t_cost() > ROUNDS_MAX {
        return Err(format!("the hash takes more than {MEMORY_KIB_MAX} KiB (m) or {ROUNDS_MAX} rounds (t)"));
    }
    Ok((name.to_owned(), User { role, hash }))
}

/// The users of now.
#[derive(Debug)]
pub(super) struct KeptUsers {
    users: Mutex<Arc<Users>>,
    turns: Arc<Semaphore>,
    waiting: Semaphore,
}

impl KeptUsers {
    pub(super) fn new(users: Users) -> Self {
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        Self { users: Mutex::new(Arc::new(users)), turns, waiting: Semaphore::new(WAITING) }
    }

    fn now(&self) -> Arc<Users> {
        Arc::clone(&self.users.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Somebody by name.
    pub(super) fn user(&self, name: &str) -> Option<User> {
        self.now().users.get(name).cloned()
    }

    /// Whose password this is: `Some(None)` where it is not that of the name, `None` where too many others wait. A name that is not there
    /// takes as long as one that is.
    pub(super) async fn verify(&self, name: &str, password: Secret) -> Option<Option<User>> {
        let _waits = self.waiting.try_acquire().ok()?;
        // Held by the work itself: whoever asked may be gone before it ends.
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        let users = self.now();
        let user = users.users.get(name).cloned();
        let work = move || {
            let _turn = turn;
            let hash = user.as_ref().map_or(&*users.decoy, |user| &user.hash);
            let is_right = Argon2::default().verify_password(password.reveal().as_bytes(), hash).is_ok();
            user.filter(|_| is_right)
        };
        tokio::task::spawn_blocking(work).await.ok()
    }

    /// Reads the file again; whether it is another one. What is of no use is not taken.
    pub(super) async fn read_again(&self, file: &SecretFile) -> bool {
        let file = file.clone();
        let read = tokio::task::spawn_blocking(move || file.read_again(Users::parse)).await;
        let Some(users) = read.ok().flatten() else { return false };
        let mut before = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let has_changed = before.users != users.users;
        if has_changed {
            *before = Arc::new(users);
        }
        has_changed
    }
}

/// The hash of a password, as a line of the file ends with it.
///
/// # Errors
/// What is wrong with the password.
pub fn hash_password(password: &str) -> Result<String, String> {
    if password.chars().count() < PASSWORD_CHARACTERS_MIN || password.len() > PASSWORD_BYTES_MAX {
        return Err(format!(
            "a password has {PASSWORD_CHARACTERS_MIN} characters at least, and {PASSWORD_BYTES_MAX} bytes at most"
        ));
    }
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| format!("the password cannot be hashed: {error}"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A hash by the smallest parameters that there are.
    pub(in super::super) fn cheap(password: &str) -> String {
        let cheap = Argon2::from(Params::new(8, 1, 1, None).unwrap());
        cheap.hash_password(password.as_bytes()).unwrap().to_string()
    }

    #[tokio::test]
    async fn a_password_is_that_of_its_name_or_of_none() {
        let text = format!(
            "# people\n\nana:operator:{}\nbea lópez:viewer:{}\n",
            cheap("correct horse"),
            cheap("battery staple")
        );
        let users = KeptUsers::new(Users::parse(&text).unwrap());
        let role = async |name: &str, password: &str| {
            users.verify(name, password.into()).await.expect("a turn").map(|user| user.role)
        };
        assert_eq!(role("ana", "correct horse").await, Some(Role::Operator));
        assert_eq!(role("bea lópez", "battery staple").await, Some(Role::Viewer));
        for (name, password) in [("ana", "battery staple"), ("ana", ""), ("nobody", "correct horse"), ("", "")] {
            assert_eq!(role(name, password).await, None, "{name} {password}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_by_its_line_and_not_repeated() {
        let hash = cheap("hunter2 hunter2");
        let costly = hash.replace("m=8,", "m=1048576,");
        let other = hash.replace("argon2id", "argon2i");
        for (text, why) in [
            ("# nobody\n".to_owned(), "there is no user in it"),
            ("hunter2".to_owned(), "line 1: name:role:hash is needed"),
            (format!("ana:boss:{hash}"), "line 1: the role is viewer or operator"),
            (format!("\nhunter2\u{202e}:viewer:{hash}"), "line 2: a name has"),
            ("ana:viewer:hunter2".to_owned(), "line 1: the hash is one like"),
            (format!("ana:viewer:{other}"), "line 1: the hash is one like"),
            (format!("ana:viewer:{costly}"), "line 1: the hash takes more than"),
            (format!("ana:viewer:{hash}\nana:operator:{hash}"), "line 2: the name is there already"),
        ] {
            let told = Users::parse(&text).expect_err(why);
            assert!(told.starts_with(why) && !told.contains("hunter2") && !told.contains("boss"), "{told}");
        }
        let users = Users::parse(&format!("ana:viewer:{hash}")).unwrap();
        assert!(!format!("{users:?}").contains("argon2"));
    }

    #[test]
    fn a_name_that_is_not_there_costs_as_much_as_the_slowest_one() {
        let slow = Argon2::from(Params::new(64, 3, 1, None).unwrap()).hash_password(b"battery staple").unwrap();
        let users = Users::parse(&format!("ana:viewer:{}\nbea:viewer:{slow}", cheap("correct horse"))).unwrap();
        assert_eq!((users.decoy.params.clone(), users.decoy.salt), (slow.params.clone(), slow.salt));
        assert_ne!(users.decoy.hash, slow.hash);
    }

    #[test]
    fn a_hash_is_one_that_the_file_takes() {
        let users = Users::parse(&format!("ana:viewer:{}", hash_password("correct horse").unwrap())).unwrap();
        let hash = &users.users["ana"].hash;
        assert!(Argon2::default().verify_password(b"correct horse", hash).is_ok());
        for bad in ["", "hunter2", &"x".repeat(1025)] {
            assert!(hash_password(bad).is_err_and(|why| why.contains("8 characters")), "{bad}");
        }
    }
}
