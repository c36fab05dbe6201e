//! How git is started: with nothing of this machine's, and nothing of the repository's but its content.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

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

/// Sets the bounds of a process before it becomes git. The processor's time ends with a signal that tells why, and two seconds
/// later with one that can't be caught; a bound that can't be set ends it at once. When memory runs out the kernel ends git before
/// the daemon.
const BOUNDED: &str = "{ echo 500 >/proc/self/oom_score_adj; } 2>/dev/null; ulimit -c 0 && ulimit -S -t \"$1\" && ulimit -H -t \"$2\" && ulimit -f \"$3\" && ulimit -v \"$4\" \
     && shift 4 && exec \"$@\"";

/// What one process may use of the machine; the kernel holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ceilings {
    /// Processor time, in whole seconds.
    pub(crate) cpu: Duration,
    /// Bytes of address space.
    pub(crate) memory: u64,
    /// Bytes of one file.
    pub(crate) file: u64,
}

/// The only protocol that an address may use.
///
/// # Errors
/// [`GitError::BadInput`]: another one, plain http to another machine, or an address with a user in it.
pub(crate) fn protocol(url: &str) -> Result<&'static str, GitError> {
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
pub(crate) struct Hardened {
    program: PathBuf,
    home: PathBuf,
    repository: Option<PathBuf>,
    more: Vec<(String, SecretString)>,
    protocol: Option<&'static str>,
    variables: Vec<(&'static str, OsString)>,
    ceilings: Option<Ceilings>,
}

impl Hardened {
    /// `home` is where it works, and the only folder that it takes for a person's.
    pub(crate) fn new(program: &Path, home: &Path) -> Self {
        Self {
            program: program.to_owned(),
            home: home.to_owned(),
            repository: None,
            more: Vec::new(),
            protocol: None,
            variables: Vec::new(),
            ceilings: None,
        }
    }

    /// In this bare repository.
    pub(crate) fn repository(mut self, path: PathBuf) -> Self {
        self.repository = Some(path);
        self
    }

    /// With this named variable besides.
    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// With this setting besides; it stands over any file's.
    pub(crate) fn setting(mut self, key: &str, value: &str) -> Self {
        self.more.push((key.to_owned(), SecretString::from(value)));
        self
    }

    /// Bounded by the kernel, with all that it starts.
    pub(crate) fn bounded(mut self, ceilings: Ceilings) -> Self {
        self.ceilings = Some(ceilings);
        self
    }

    /// May speak to this address with this token, and to no other.
    pub(crate) fn with_credential(&self, url: &str, token: &SecretString, protocol: &'static str) -> Self {
        let mut other = self.clone();
        let basic = STANDARD.encode(format!("x-access-token:{}", token.expose_secret()));
        let header = SecretString::from(format!("Authorization: Basic {basic}"));
        other.more.push((format!("http.{url}.extraHeader"), header));
        other.more.push((format!("protocol.{protocol}.allow"), SecretString::from("always")));
        other.protocol = Some(protocol);
        other
    }

    /// The command, without arguments. It leads a process group of its own, and dies with its handle.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.start();
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
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
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

    fn start(&self) -> Command {
        let Some(Ceilings { cpu, memory, file }) = self.ceilings else { return Command::new(&self.program) };
        let mut command = Command::new("/bin/sh");
        let seconds = cpu.as_secs().max(1);
        // As `ulimit` counts: seconds, blocks of 512 bytes, KiB.
        let numbers = [seconds, seconds.saturating_add(2), (file / 512).max(1), (memory / 1_024).max(1)];
        command
            .args(["-c", BOUNDED, "git"])
            .args(numbers.map(|number| number.to_string()))
            .arg(&self.program);
        command
    }
}
