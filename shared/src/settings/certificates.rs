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

/// The certificates of `REDIS_CA_FILE`, `REDIS_CERT_FILE` and `REDIS_KEY_FILE`, as they were when the program started. The default
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
        let read =
            |path: &Path, setting| Ok::<_, String>(Pem { path: path.to_owned(), text: read_file(path, setting)? });
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
        let is_refused = is_of(&["received fatal alert"]);
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
