//! What only this dashboard and its replicas can have written.

use std::fmt;

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use shared::settings::Secret;
use subtle::ConstantTimeEq as _;

/// Signs with `AUTH_SECRET`. It is not debugged.
pub(super) struct Seal(hmac::Key);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    pub(super) fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()))
    }

    /// The seal of some texts in their order: the first half of their HMAC-SHA256, in hexadecimal digits. No other texts have the same,
    /// also not these ones cut elsewhere.
    pub(super) fn of(&self, parts: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let tag = context.sign();
        digits(tag.as_ref().first_chunk().copied().unwrap_or_default())
    }

    /// Whether a seal is that of the texts. How long that takes does not depend on where it differs.
    pub(super) fn holds(&self, parts: &[&str], seal: &str) -> bool {
        self.of(parts).as_bytes().ct_eq(seal.as_bytes()).into()
    }
}

/// Something that was never there before.
pub(super) fn nonce() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
    digits(bytes)
}

fn digits(bytes: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_of_its_secret_and_of_its_parts_in_their_order() {
        let seal = Seal::new(&"a secret that is long enough for this".into());
        let of = seal.of(&["session", "ana"]);
        assert!(of.len() == 32 && seal.holds(&["session", "ana"], &of));
        for other in [&["session", "an", "a"][..], &["session", "anb"], &["ana", "session"], &["sessionana"], &[]] {
            assert!(!seal.holds(other, &of), "{other:?}");
        }
        assert!(!Seal::new(&"another secret".into()).holds(&["session", "ana"], &of));
        assert!(!seal.holds(&["session", "ana"], &of[1..]) && !seal.holds(&["session", "ana"], ""));
        assert_ne!(nonce(), nonce());
    }
}
