//! Which database an address means, so that the daemon's store never lands in the application's database.

use std::fmt;
use std::path::{Path, PathBuf};

/// A database, without who speaks to it and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Database {
    Sqlite(PathBuf),
    Postgres {
        host: String,
        port: String,
        name: String,
    },
    /// Some other engine, by its scheme.
    Other(String),
}

impl Database {
    /// Reads an address; a relative SQLite path starts in `folder`. The error says what is wrong, without quoting.
    pub(super) fn parse(url: &str, folder: &Path) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once(':').ok_or("it has no scheme such as sqlite: or postgres:")?;
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" | "file" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.is_empty() || path.contains([':', '?']) {
                    return Err("it names no file on disk; parameters are not taken");
                }
                Ok(Self::Sqlite(folder.join(path)))
            }
            "postgres" | "postgresql" => {
                postgres(rest.strip_prefix("//").ok_or("it lacks // after the scheme")?)
            }
            other => Ok(Self::Other(other.to_owned())),
        }
    }

    /// Both mean the same data. Names that only differ in how they are written count as the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Sqlite(one), Self::Sqlite(two)) => real(one) == real(two),
            _ => self == other,
        }
    }
}

fn postgres(rest: &str) -> Result<Database, &'static str> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (user, address) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (address, ""),
    };
    let path = rest.strip_prefix('/').unwrap_or("");
    let (path, query) = path.split_once('?').unwrap_or((path, rest.split_once('?').map_or("", |(_, q)| q)));
    let given = |name: &str| {
        query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).filter(|v| !v.is_empty())
    };
    let host = given("host").unwrap_or(host).to_ascii_lowercase();
    let host = match host.as_str() {
        "" | "127.0.0.1" | "[::1]" => "localhost".to_owned(),
        _ => host,
    };
    let port = given("port").unwrap_or(if port.is_empty() { "5432" } else { port });
    // Without a name PostgreSQL takes the user's.
    let name =
        given("dbname").unwrap_or(if path.is_empty() { user.split(':').next().unwrap_or("") } else { path });
    // An unescaped password splits in the wrong place; taken on, parts of it would be shown as host or name.
    if port.parse::<u16>().is_err() || name.contains(['@', '/', ':']) {
        return Err("it can't be taken apart; / : @ ? # in a password are written as %2F %3A %40 %3F %23");
    }
    if name.is_empty() {
        return Err("it names no database");
    }
    Ok(Database::Postgres { host, port: port.to_owned(), name: name.to_owned() })
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// Without user, password and parameters.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres { host, port, name } => write!(f, "postgres://{host}:{port}/{name}"),
            Self::Other(scheme) => write!(f, "{scheme}:"),
        }
    }
}
