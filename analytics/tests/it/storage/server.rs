//! A real server that speaks S3, on the loopback interface.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use shared::testing::{Program, Signal, http};

/// The bucket of the tests.
pub(super) const BUCKET: &str = "readings";

/// Moto's server with an empty bucket, which it keeps in memory; killed when dropped.
pub(super) struct S3Server {
    program: Program,
    address: SocketAddr,
}

impl S3Server {
    pub(super) fn start() -> Self {
        let mut program =
            Program::start(Command::new(python().with_file_name("moto_server")).args(["-H", "127.0.0.1", "-p", "0"]));
        let address = program.until("moto listens", |program| {
            let log = program.log() + &program.output();
            let (_, address) = log.split_once("Running on http://").ok_or("it does not say so")?;
            address.split_whitespace().next().and_then(|it| it.parse().ok()).ok_or("no address")
        });
        let server = Self { program, address };
        let mut connection = TcpStream::connect(address).expect("a listener");
        write!(connection, "PUT /{BUCKET} HTTP/1.0\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n")
            .expect("a request");
        let mut answer = String::new();
        connection.read_to_string(&mut answer).expect("an answer");
        assert!(answer.contains(" 200 OK"), "{answer}");
        server
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Keys and sums of the bytes of everything in the bucket.
    pub(super) fn objects(&self) -> Vec<(String, String)> {
        let answer = http::get(self.address, &format!("/{BUCKET}?list-type=2"), &[]).expect("a list").body;
        assert!(answer.contains("<IsTruncated>false<"), "{answer}");
        let between = |text: &str, tag: &str| {
            let (_, rest) = text.split_once(&format!("<{tag}>"))?;
            rest.split_once(&format!("</{tag}>")).map(|(inner, _)| inner.to_owned())
        };
        let object = |text: &str| Some((between(text, "Key")?, between(text, "ETag")?));
        answer.split("<Contents>").skip(1).map(|text| object(text).expect("a key and a sum")).collect()
    }

    /// Freezes it: connections stay open and nothing answers.
    pub(super) fn pause(&self) {
        self.program.signal(Signal::Stop);
    }

    /// Undoes [`Self::pause`].
    pub(super) fn resume(&self) {
        self.program.signal(Signal::Continue);
    }
}

/// A Python that has moto; installed the first time, and when a version changes.
fn python() -> &'static Path {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools.sh");
        let ran = Command::new(script).arg("storage").output().expect("bash");
        assert!(ran.status.success(), "tools.sh fails: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).trim().into()
    })
}
