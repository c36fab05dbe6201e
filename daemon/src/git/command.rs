//! How git is started: with nothing of this machine's, and nothing of the repository's but its content.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;

use super::error::GitError;

/// Where the helpers of git and TLS are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin";

/// What git is told besides its arguments, whatever files of this machine or of the repository say.
const SETTINGS: &[(&str, &str)] = &[
    ("protocol.allow", "never"),
    ("http.followRedirects", "false"),
    // A connection that has fallen silent ends before the whole time does.
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
    ("core.hooksPath", "/dev/null"),
    ("core.attributesFile", "/dev/null"),
    ("core.askPass", ""),
    ("core.fsmonitor", "false"),
    ("credential.helper", ""),
    ("credential.interactive", "false"),
    ("transfer.fsckObjects", "true"),
    ("fetch.fsckObjects", "true"),
    ("transfer.bundleURI", "false"),
    ("transfer.credentialsInUrl", "die"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    // One pack, whatever its size: the watch over bytes looks at packs.
    ("fetch.unpackLimit", "1"),
    ("fetch.writeCommitGraph", "false"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("protocol.version", "2"),
    // Bounds on memory: larger blobs are streamed, and one thread resolves deltas.
    ("core.bigFileThreshold", "16m"),
    ("core.deltaBaseCacheLimit", "64m"),
    ("pack.threads", "1"),
    ("log.showSignature", "false"),
    ("safe.directory", "*"),
];

/// The only protocol that an address may use.
///
/// # Errors
/// [`GitError::BadInput`]: another one, plain http to another machine, or an address with a user in it.
pub(super) fn protocol(url: &str) -> Result<&'static str, GitError> {
    let bad = GitError::BadInput { what: "address of a repository" };
    let parsed = url::Url::parse(url).map_err(|_| bad.clone())?;
    if !parsed.username().is_empty() || parsed.password().is_some() || parsed.query().is_some() {
        return Err(bad);
    }
    let loopback = match parsed.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => return Err(bad),
    };
    match parsed.scheme() {
        "https" => Ok("https"),
        "http" if loopback => Ok("http"),
        _ => Err(bad),
    }
}

/// Makes commands that know nothing but what is written here.
#[derive(Clone)]
pub(super) struct Hardened {
    program: PathBuf,
    home: PathBuf,
    repository: Option<PathBuf>,
    more: Vec<(String, SecretString)>,
    protocol: Option<&'static str>,
}

impl Hardened {
    pub(super) fn new(program: &Path, home: &Path) -> Self {
        Self {
            program: program.to_owned(),
            home: home.to_owned(),
            repository: None,
            more: Vec::new(),
            protocol: None,
        }
    }

    /// In this bare repository.
    pub(super) fn repository(mut self, path: PathBuf) -> Self {
        self.repository = Some(path);
        self
    }

    /// May speak to this address with this token, and to no other.
    pub(super) fn with_credential(&self, url: &str, token: &SecretString, protocol: &'static str) -> Self {
        let mut other = self.clone();
        let basic = STANDARD.encode(format!("x-access-token:{}", token.expose_secret()));
        let header = SecretString::from(format!("Authorization: Basic {basic}"));
        other.more.push((format!("http.{url}.extraHeader"), header));
        other.more.push((format!("protocol.{protocol}.allow"), SecretString::from("always")));
        other.protocol = Some(protocol);
        other
    }

    /// The command, without arguments. It leads a process group of its own, and dies with its handle.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("LC_ALL", "C")
            .env("LANGUAGE", "C")
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", &self.home)
            .env("TMPDIR", &self.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "/bin/false")
            .env("SSH_ASKPASS", "/bin/false")
            .env("GIT_SSH_COMMAND", "/bin/false")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_ALLOW_PROTOCOL", self.protocol.unwrap_or_default())
            .current_dir(&self.home)
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(repository) = &self.repository {
            command.env("GIT_DIR", repository);
        }
        let settings = SETTINGS
            .iter()
            .map(|(key, value)| ((*key).to_owned(), OsString::from(value)))
            .chain(self.more.iter().map(|(key, value)| (key.clone(), OsString::from(value.expose_secret()))));
        let mut count = 0_usize;
        for (key, value) in settings {
            command
                .env(format!("GIT_CONFIG_KEY_{count}"), key)
                .env(format!("GIT_CONFIG_VALUE_{count}"), value);
            count += 1;
        }
        command.env("GIT_CONFIG_COUNT", count.to_string());
        command
    }
}
