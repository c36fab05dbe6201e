//! Where a tenant's database is, without user and password: what is shown, and what limits go by. Who hands rows in asks the same as
//! the daemon does, so that a file with a mistake is refused before anything of it is sent.

use std::borrow::Cow;

use url::{Host, Url};

use super::{DriverKind, Hidden, NewInstance};

/// Bytes of an address.
const LONGEST: usize = 4096;

/// Bytes of a tenant's id, an external id, a deploy key.
const LONGEST_ID: usize = 256;
const LONGEST_KEY: usize = 4096;

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Host, port and database; a file; a deployment's address.
    pub place: String,
    /// What a limit of one host goes by.
    pub host: String,
    /// And of one database server.
    pub server: String,
}

/// Why a row or its address can't be one. Nothing of the address is in it: it holds a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {mend}")]
pub struct PlaceError {
    pub what: &'static str,
    pub mend: &'static str,
}

const POSTGRES: &str = "write postgres://user:password@host:port/database";
const SQLITE: &str = "write the whole path of the file: /var/lib/app/tenant.db";
const HTTP: &str = "write the deployment's address: https://name.convex.cloud";

/// The place of a row that can be taken.
///
/// # Errors
/// Its ids, its address or its key can't be such.
pub fn checked(row: &NewInstance) -> Result<Place, PlaceError> {
    let wrong = |what, mend| Err(PlaceError { what, mend });
    let is_id = |text: &str| {
        (1..=LONGEST_ID).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control)
    };
    if !is_id(row.tenant.as_str()) {
        return wrong("this is no id of a tenant", "write the id that the application gave it");
    }
    if row.external_user.as_deref().is_some_and(|user| !is_id(user)) {
        return wrong("its external id is none", "write it, or leave it out");
    }
    match (row.driver, &row.key) {
        (DriverKind::Http, None) => {
            return wrong("it has no deploy key", "hand in the deployment's key, too");
        }
        (DriverKind::Postgres | DriverKind::Sqlite, Some(_)) => {
            return wrong("only a deployment has a key", "leave the key out");
        }
        (DriverKind::Http, Some(Hidden(key)))
            if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            // The deploy key travels in a header.
            return wrong("its deploy key can't be one", "hand it in as the deployment shows it");
        }
        (DriverKind::Postgres | DriverKind::Sqlite | DriverKind::Http, _) => {}
    }
    place(row.driver, &row.url.0)
}

/// The place of an address.
///
/// # Errors
/// It can't be the address of such a database.
pub fn place(driver: DriverKind, url: &str) -> Result<Place, PlaceError> {
    let mend = match driver {
        DriverKind::Postgres => POSTGRES,
        DriverKind::Sqlite => SQLITE,
        DriverKind::Http => HTTP,
    };
    let wrong = |what| PlaceError { what, mend };
    if url.trim() != url || url.is_empty() {
        return Err(wrong("the address is empty, or begins or ends with a blank"));
    }
    if url.len() > LONGEST || url.chars().any(char::is_control) {
        return Err(wrong("the address is too long, or holds a control character"));
    }
    match driver {
        DriverKind::Postgres => postgres(url),
        DriverKind::Sqlite => sqlite(url),
        DriverKind::Http => http(url),
    }
    .map_err(wrong)
}

fn postgres(text: &str) -> Result<Place, &'static str> {
    let url = Url::parse(text).map_err(|_| "the address can't be read")?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("the address does not begin with postgres://");
    }
    let (mut host, mut port) = (url.host_str().map(decoded).unwrap_or_default().into_owned(), url.port());
    let mut database = decoded(url.path().trim_start_matches('/')).into_owned();
    let mut schema = None;
    // As the driver takes them: these stand above what is before them.
    for (key, value) in url.query_pairs() {
        match key.as_ref() {
            "host" | "hostaddr" => host = value.into_owned(),
            "port" => port = Some(value.parse().map_err(|_| "the port is no number")?),
            "dbname" => database = value.into_owned(),
            "options[search_path]" => schema = Some(value.into_owned()),
            "options" => {
                let path = value.split("search_path").nth(1).map(|rest| rest.trim_start_matches(['=', ' ']));
                schema = path.and_then(|rest| rest.split_whitespace().next()).map(str::to_owned).or(schema);
            }
            _ => {}
        }
    }
    if host.is_empty() {
        return Err("the address names no host");
    }
    if host.contains(',') {
        return Err("the address names several hosts");
    }
    if database.is_empty() || database.contains('/') {
        return Err("the address names no database");
    }
    let port = port.unwrap_or(5432);
    let host = host.to_lowercase();
    let server = format!("{host}:{port}");
    // Several tenants in one database, each in its own schema.
    let schema = schema.map(|schema| format!(" ({schema})")).unwrap_or_default();
    let place = format!("{server}/{database}{schema}");
    // A socket in a folder.
    let host = if host.starts_with('/') { "local".to_owned() } else { host };
    Ok(Place { place, host, server })
}

fn sqlite(text: &str) -> Result<Place, &'static str> {
    let path = text.strip_prefix("sqlite://").or(text.strip_prefix("sqlite:")).unwrap_or(text);
    if !path.starts_with('/') {
        return Err("the path is not whole");
    }
    if path.ends_with('/') || path.split('/').any(|part| part == "..") {
        return Err("the path names no file, or leads back with ..");
    }
    if path.contains('?') {
        return Err("what follows ? is not obeyed");
    }
    Ok(Place { place: path.to_owned(), host: "local".to_owned(), server: "local".to_owned() })
}

fn http(text: &str) -> Result<Place, &'static str> {
    let url = Url::parse(text).map_err(|_| "the address can't be read")?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_here) {
        return Err("the address does not begin with https://, so that others could read the key");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user or a password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the address has something behind ? or #");
    }
    let host = url.host_str().ok_or("the address names no host")?.to_owned();
    let server = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    let place = format!("{}://{server}{}", url.scheme(), url.path().trim_end_matches('/'));
    Ok(Place { place, host, server })
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests;
