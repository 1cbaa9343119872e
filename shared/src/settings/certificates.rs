//! What TLS to the broker goes by: an authority of its own, and a certificate of the client's with its key.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::secret::{bad_file, named, read_file};

const CA: &str = "REDIS_CA_FILE";
const CERT: &str = "REDIS_CERT_FILE";
const KEY: &str = "REDIS_KEY_FILE";

/// A file of certificates holds no more than this: several times what a system trusts.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What a broker says, as rustls names it, when it misses a certificate or does not like the one that it was shown.
const REFUSALS: [&str; 8] = [
    "CertificateRequired",
    "BadCertificate",
    "UnknownCA",
    "CertificateUnknown",
    "CertificateExpired",
    "CertificateRevoked",
    "AccessDenied",
    // Older versions of TLS have no other word for a certificate that is missing.
    "HandshakeFailure",
];

/// The certificates of `REDIS_CA_FILE`, `REDIS_CERT_FILE` and `REDIS_KEY_FILE`, as they were when they were read. The default
/// trusts what the operating system trusts, and shows no certificate.
#[derive(Clone, Default)]
pub struct Certificates {
    authority: Option<Pem>,
    identity: Option<Identity>,
}

/// What a client shows of itself.
#[derive(Clone)]
struct Identity {
    certificate: Pem,
    key: Pem,
}

/// A file, and its text.
#[derive(Clone)]
struct Pem {
    path: PathBuf,
    text: Vec<u8>,
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.fmt(f)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identity = self.identity.as_ref().map(|identity| &identity.certificate);
        f.debug_struct("Certificates").field("authority", &self.authority).field("identity", &identity).finish()
    }
}

impl Certificates {
    /// Reads the files that are given.
    ///
    /// # Errors
    /// A line that names the setting and the file that is to blame.
    pub(super) fn read(ca: Option<&Path>, certificate: Option<&Path>, key: Option<&Path>) -> Result<Self, String> {
        let read = |path: &Path, setting| {
            Ok::<_, String>(Pem { path: path.to_owned(), text: read_file(path, setting, FILE_BYTES_MAX)? })
        };
        let authority = ca.map(|path| read(path, CA)).transpose()?;
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                Some(Identity { certificate: read(certificate, CERT)?, key: read(key, KEY)? })
            }
            (None, None) => None,
            (Some(_), None) => return Err(format!("{} is needed with {}", named(KEY), named(CERT))),
            (None, Some(_)) => return Err(format!("{} is needed with {}", named(CERT), named(KEY))),
        };
        let read = Self { authority, identity };
        if !read.are_default() {
            read.config()?;
        }
        Ok(read)
    }

    /// Whether no file is given.
    #[must_use]
    pub fn are_default(&self) -> bool {
        self.authority.is_none() && self.identity.is_none()
    }

    /// For the redis crate, in whose words the same is said.
    pub(super) fn for_redis(&self) -> redis::TlsCertificates {
        let client = |identity: &Identity| redis::ClientTlsConfig {
            client_cert: identity.certificate.text.clone(),
            client_key: identity.key.text.clone(),
        };
        redis::TlsCertificates {
            client_tls: self.identity.as_ref().map(client),
            root_cert: self.authority.as_ref().map(|authority| authority.text.clone()),
        }
    }

    /// How to talk TLS.
    ///
    /// # Errors
    /// A line that names the setting and the file that is to blame, or that the operating system trusts nobody.
    pub fn config(&self) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let builder = builder.with_root_certificates(self.roots()?);
        let Some(Identity { certificate, key }) = &self.identity else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates(certificate, CERT)?;
        let secret = PrivateKeyDer::from_pem_slice(&key.text)
            .map_err(|_| bad_file(&key.path, KEY, "it holds no private key in PEM without a passphrase"))?;
        builder.with_client_auth_cert(chain, secret).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let of = format!("it is not the key of the certificate in {} of {CERT}", certificate.path.display());
                bad_file(&key.path, KEY, &of)
            }
            rustls::Error::InvalidCertificate(why) => bad_file(&certificate.path, CERT, &why.to_string()),
            other => bad_file(&key.path, KEY, &other.to_string()),
        })
    }

    /// Whom to trust: the authority that is given, or else whom the operating system trusts.
    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        match &self.authority {
            Some(authority) => {
                for certificate in certificates(authority, CA)? {
                    roots.add(certificate).map_err(|error| bad_file(&authority.path, CA, &error.to_string()))?;
                }
            }
            None => {
                let (added, _ignored) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                if added == 0 {
                    return Err(format!("this machine trusts no certificates; {} names those to trust", named(CA)));
                }
            }
        }
        Ok(roots)
    }

    /// What is to blame for a connection that failed, where that is known: the words of the TLS library do not name it.
    pub(super) fn blame(&self, error: &str) -> Option<String> {
        let is_of = |words: &[&str]| words.iter().any(|word| error.contains(word));
        if is_of(&["invalid peer certificate"]) {
            let whom = match &self.authority {
                _ if !is_of(&["UnknownIssuer", "BadSignature"]) => "the broker's certificate is not good".to_owned(),
                Some(Pem { path, .. }) => {
                    format!("the broker's certificate is not of the authority in {} of {CA}", path.display())
                }
                None => {
                    format!("the broker's certificate is of no authority that this machine trusts; {CA} may name it")
                }
            };
            return Some(format!("{whom}: {error}"));
        }
        let alert = error.split_once("received fatal alert: ").map(|(_, behind)| behind);
        let is_refused = alert.is_some_and(|alert| REFUSALS.iter().any(|refusal| alert.starts_with(refusal)));
        is_refused.then(|| match &self.identity {
            Some(Identity { certificate: Pem { path, .. }, .. }) => {
                format!("the broker does not accept the certificate in {} of {CERT}: {error}", path.display())
            }
            None => format!("the broker demands a certificate, as neither {CERT} nor {KEY} is set: {error}"),
        })
    }
}

/// The certificates of a file, of which there is at least one.
fn certificates(pem: &Pem, setting: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bad = |why: &str| bad_file(&pem.path, setting, why);
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem.text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(bad("it holds no certificate in PEM")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate that signs itself.
    const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUZYdMkw8fT702jFY4ueV80CPegzQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJYXV0aG9yaXR5MCAXDTI2MTEyNzA4MDAyN1oYDzIxMjYxMTAz
MDgwMDI3WjAUMRIwEAYDVQQDDAlhdXRob3JpdHkwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARSQrCSwktaU+N+7fqOmFKW4K7PgYWO3yvziUr/U6XvawmnYtzr3w5V
Mfzkxt3h7JYIAExVQq+Nde4EGu4AvDVFo1MwUTAdBgNVHQ4EFgQUGazjhxNfQGbu
y9FNWss45SOO5tQwHwYDVR0jBBgwFoAUGazjhxNfQGbuy9FNWss45SOO5tQwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA068kqGGmFcfJjwR7wqFW
6W1ERlgPJ8tpqBXgvaRDxRYCIHJr5h9ogM//8x5sYkGagbZ76y/HYTyFQcQ9i9ey
Gg4c
-----END CERTIFICATE-----
";

    fn identity() -> Certificates {
        let pem = |path: &str| Pem { path: path.into(), text: Vec::new() };
        Certificates {
            authority: None,
            identity: Some(Identity { certificate: pem("/own.crt"), key: pem("/own.key") }),
        }
    }

    #[test]
    fn a_bundle_as_large_as_that_of_a_system_is_read() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        for (size, is_read) in [(FILE_BYTES_MAX / 4, true), (FILE_BYTES_MAX, true), (FILE_BYTES_MAX + 4096, false)] {
            let bundle = CERTIFICATE.repeat(usize::try_from(size).expect("a size") / CERTIFICATE.len());
            std::fs::write(file.path(), &bundle).expect("a bundle");
            let read = Certificates::read(Some(file.path()), None, None);
            match read {
                Ok(certificates) => {
                    let authority = certificates.authority.as_ref().expect("an authority");
                    let found = super::certificates(authority, CA).expect("certificates");
                    assert!(is_read && found.len() == bundle.len() / CERTIFICATE.len(), "{size}");
                }
                Err(why) => assert!(!is_read && why.contains("larger than 1024 KiB"), "{size}: {why}"),
            }
        }
    }

    #[test]
    fn only_alerts_about_a_certificate_are_blamed_on_it() {
        use rustls::AlertDescription as Alert;
        let line = |alert| rustls::Error::AlertReceived(alert).to_string();
        for alert in [
            Alert::CertificateRequired,
            Alert::BadCertificate,
            Alert::UnknownCA,
            Alert::CertificateUnknown,
            Alert::CertificateExpired,
            Alert::CertificateRevoked,
            Alert::AccessDenied,
            Alert::HandshakeFailure,
        ] {
            let blamed = identity().blame(&line(alert)).expect("a certificate is to blame");
            assert!(blamed.starts_with("the broker does not accept the certificate in /own.crt of "), "{blamed}");
            let blamed = Certificates::default().blame(&line(alert)).expect("no certificate is to blame");
            assert!(blamed.starts_with("the broker demands a certificate"), "{blamed}");
        }
        for alert in [Alert::ProtocolVersion, Alert::InternalError, Alert::UnrecognisedName, Alert::DecryptError] {
            assert_eq!((identity().blame(&line(alert)), Certificates::default().blame(&line(alert))), (None, None));
        }
    }
}
