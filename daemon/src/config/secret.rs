//! Files that hold secrets: read whole, once, and only when nobody else on the machine can read them.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use secrecy::zeroize::Zeroizing;

use super::mistake::MistakeKind;
use super::value::Complaint;

/// A private key has 2 to 4 KiB.
const LARGEST: u64 = 64 * 1024;

/// Who keeps others from reading the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Its mode: group and others must have no rights.
    Mode,
    /// systemd, whose credentials folder only the service can enter.
    Systemd,
}

/// The text of a secret's file.
pub(super) fn read(path: &Path, guard: Guard) -> Result<Zeroizing<String>, Complaint> {
    let shown = path.display();
    let unreadable = |error: &std::io::Error| {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
            _ => error.to_string(),
        };
        Complaint::new(
            MistakeKind::Unreadable,
            format!("can't read the secret's file {shown}: {why}"),
            format!("put the secret into {shown}, readable for the daemon's user only, or name another file"),
        )
    };
    // Non-blocking, because opening a named pipe would otherwise wait for a writer for ever.
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(path)
        .map_err(|error| unreadable(&error))?;
    let about = file.metadata().map_err(|error| unreadable(&error))?;
    if !about.is_file() {
        return Err(Complaint::new(
            MistakeKind::Unreadable,
            format!("{shown} is not a file"),
            "name the file that holds the secret",
        ));
    }
    let mode = about.permissions().mode() & 0o777;
    if guard == Guard::Mode && mode & 0o077 != 0 {
        return Err(Complaint::new(
            MistakeKind::Exposed,
            format!("the secret's file {shown} has mode {mode:04o}: others on this machine can read it"),
            format!("chmod 600 {shown}"),
        ));
    }
    if about.len() > LARGEST {
        return Err(Complaint::new(
            MistakeKind::OutOfRange,
            format!("{shown} is too large for a secret ({} bytes)", about.len()),
            "name the file that holds nothing but the secret",
        ));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(8192));
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Complaint::new(
            MistakeKind::Unreadable,
            format!("{shown} is not text"),
            "name the file that holds the secret as text (a private key in PEM, not DER)",
        )),
    }
}
