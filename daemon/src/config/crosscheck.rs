//! Mistakes that only show when several values, or a value and this machine, are seen together.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use cutover_shared::ids::OperatorName;
use cutover_shared::rpc::Role;
use ipnet::IpNet;
use secrecy::ExposeSecret;

use super::address;
use super::database::Database;
use super::gather::Values;
use super::mistake::{Mistake, MistakeKind, Mistakes, Place};
use super::settings::{Http, Operator, SocketAccess, Store, Tls};
use super::value::{Value, quoted};

/// A Unix socket's address takes 108 bytes, the closing zero among them.
const LONGEST_SOCKET: usize = 107;

/// The store, unless it is none or the application's database.
pub(super) fn store(values: &Values, mistakes: &mut Mistakes) -> Option<Store> {
    let url = values.secret("store.url")?;
    let mut wrong = |kind, what: &str, mend: &str| {
        mistakes.push(Mistake::new(kind, "store.url", values.place("store.url"), what, mend));
        None
    };
    let mend = "write `url = \"sqlite:/var/lib/cutover/cutover.db\"`, or remove the key";
    let own = match Database::parse(url.expose_secret(), values.path("state_dir")?) {
        Ok(own) => own,
        Err(why) => {
            return wrong(MistakeKind::WrongType, &format!("this is no address of a database: {why}"), mend);
        }
    };
    let theirs = values
        .secret("catalog.database_url")
        .and_then(|url| Database::parse(url.expose_secret(), Path::new("")).ok());
    if theirs.is_some_and(|theirs| own.is_same(&theirs)) {
        let what = format!(
            "the store and the application's database are the same: {own} is also in catalog.database_url ({})",
            values.place("catalog.database_url")
        );
        return wrong(
            MistakeKind::Contradiction,
            &what,
            "give the daemon a store of its own; without the key it is a file in `state_dir`",
        );
    }
    match own {
        Database::Sqlite(path) => Some(Store::Sqlite { path }),
        Database::Postgres { .. } => {
            wrong(MistakeKind::Unsupported, "PostgreSQL as the daemon's own store comes later", mend)
        }
        Database::Other(scheme) => wrong(
            MistakeKind::WrongType,
            &format!("expected an address that starts with sqlite:, found {scheme}:"),
            mend,
        ),
    }
}

/// Whether the catalog's database can be what the source says.
pub(super) fn catalog(values: &Values, mistakes: &mut Mistakes) {
    if values.text("catalog.source") != Some("postgres") {
        return;
    }
    let key = "catalog.database_url";
    let mend = "write `postgres://USER:PASSWORD@HOST/NAME` into a file of mode 0600 and its path into \
                `database_url_file` under [catalog], or set DATABASE_URL";
    match values.secret(key).map(|url| Database::parse(url.expose_secret(), Path::new(""))) {
        // A value that was wrong in itself was said already.
        None if mistakes.list().iter().any(|mistake| mistake.key.starts_with(key))
            || mistakes.has_syntax() => {}
        None => {
            let what = "is required when catalog.source is \"postgres\", and not set";
            mistakes.push(Mistake::new(
                MistakeKind::Missing,
                key,
                values.place("catalog.source"),
                what,
                mend,
            ));
        }
        Some(Ok(Database::Postgres { .. })) => {}
        Some(Ok(Database::Sqlite(_) | Database::Other(_))) => {
            let what = "the catalog can only be read from PostgreSQL";
            mistakes.push(Mistake::new(MistakeKind::WrongType, key, values.place(key), what, mend));
        }
        Some(Err(why)) => {
            let what = format!("this is no address of a database: {why}");
            mistakes.push(Mistake::new(MistakeKind::WrongType, key, values.place(key), what, mend));
        }
    }
}

/// Names in the application's database that can't stand together.
pub(super) fn columns(values: &Values, mistakes: &mut Mistakes) {
    let name = |field: &str| format!("catalog.postgres.{field}");
    if values.text("catalog.postgres.repo_table").is_none() {
        for field in ["repo_project", "repo_name"] {
            if values.is_written(&name(field)) {
                let what = "says a column of `repo_table`, which is not set";
                let mend = "set `repo_table`, or remove this key";
                let place = values.place(&name(field));
                mistakes.push(Mistake::new(MistakeKind::Contradiction, name(field), place, what, mend));
            }
        }
    }
    // These two are written: onto each other or onto a column that is read, a live run would destroy it.
    for (written, others) in [
        ("installation", &["status", "project_id", "project_tenant", "project_user", "project_repo"][..]),
        ("status", &["project_id", "project_tenant", "project_user", "project_repo"][..]),
    ] {
        let column = values.text(&name(written));
        for other in others.iter().filter(|other| column.is_some() && values.text(&name(other)) == column) {
            let what = format!("is the same column as `{other}`, and live runs write it");
            let culprit = if values.is_written(&name(written)) { name(written) } else { name(other) };
            let place = values.place(&culprit);
            mistakes.push(Mistake::new(
                MistakeKind::Contradiction,
                name(written),
                place,
                what,
                "name a column of its own",
            ));
        }
    }
}

/// What belongs together at GitHub, and what must not cross a network in clear.
pub(super) fn github(values: &Values, mistakes: &mut Mistakes) {
    let old = ("github.oauth_client_id", "github.oauth_client_secret");
    let own = ("github.client_id", "github.client_secret");
    let app = ("github.app_id", "github.private_key");
    let (both, create) =
        ("set both, or neither", "set both; or neither, and make the App with `cutover app create`");
    for ((one, other), mend) in [(old, both), (own, both), (app, create)] {
        pair(values, mistakes, one, other, mend);
        pair(values, mistakes, other, one, mend);
    }
    if let (Some(first), Some(second)) =
        (values.secret("github.private_key"), values.secret("github.second_private_key"))
        && first.expose_secret().split_whitespace().eq(second.expose_secret().split_whitespace())
    {
        let key = "github.second_private_key";
        let mend = "remove it, or give it the new key";
        mistakes.push(Mistake::new(
            MistakeKind::Contradiction,
            key,
            values.place(key),
            "is the same key as github.private_key",
            mend,
        ));
    }
    let strict = matches!(values.text("environment"), Some("staging" | "production"));
    for key in [
        "github.api_base_url",
        "github.web_base_url",
        "api.jwks_url",
        "migration.oauth_callback_url",
        "fleet.deploy_url",
        "fleet.notify_url",
    ] {
        if strict && values.is_written(key) && values.text(key).is_some_and(address::in_clear) {
            let what = "tokens would cross the network in clear";
            let mend =
                "write https://; plain http is for this machine (127.0.0.1), or for another `environment`";
            mistakes.push(Mistake::new(MistakeKind::Contradiction, key, values.place(key), what, mend));
        }
    }
}

/// Two keys that only work together.
fn pair(values: &Values, mistakes: &mut Mistakes, given: &str, lacking: &str, mend: &str) {
    let said =
        mistakes.list().iter().any(|mistake| mistake.key.starts_with(lacking)) || mistakes.has_syntax();
    if values.get(given).is_some() && values.get(lacking).is_none() && !said {
        let what = format!("is set without {lacking}; they only work together");
        mistakes.push(Mistake::new(MistakeKind::Contradiction, given, values.place(given), what, mend));
    }
}

/// The HTTP door. It does not open without a secret: anybody could then say what happened at GitHub.
pub(super) fn http(values: &Values, mistakes: &mut Mistakes) -> Option<Http> {
    webhook_secrets(values, mistakes);
    let trusted_proxies = networks(values, mistakes, "http.trusted_proxies")?;
    let allowed = networks(values, mistakes, "http.allowed_networks")?;
    let only = values.flag("http.only_github_addresses")?;
    if !only && !allowed.is_empty() {
        // Silence would let in everybody where somebody meant to let in a few.
        let (key, mend) = ("http.allowed_networks", "set http.only_github_addresses = true, or take it out");
        let what = "is set while http.only_github_addresses is not, so webhooks are taken from everywhere";
        mistakes.push(Mistake::new(MistakeKind::Contradiction, key, values.place(key), what, mend));
    }
    let key = "http.listen";
    let listen = match values.text(key).map(|text| (text, text.parse::<SocketAddr>())) {
        None => None,
        Some((_, Ok(address))) => Some(address),
        Some((text, Err(_))) => {
            let what = format!("expected an address and a port, found {}", quoted(text));
            let mend = "write \"127.0.0.1:8080\", or \"[::]:8080\" for every address of this machine";
            mistakes.push(Mistake::new(MistakeKind::WrongType, key, values.place(key), what, mend));
            None
        }
    };
    Some(Http {
        listen,
        trusted_proxies,
        tls: tls(values, mistakes),
        only_from: only.then_some(allowed),
        max_connections: usize::try_from(values.whole_number("http.max_connections")?).ok()?,
        failed_signatures_per_minute: u32::try_from(
            values.whole_number("http.failed_signatures_per_minute")?,
        )
        .ok()?,
        auth_per_minute: u32::try_from(values.whole_number("http.auth_per_minute")?).ok()?,
        api_per_minute: u32::try_from(values.whole_number("http.api_per_minute")?).ok()?,
    })
}

/// The networks of a list; what is none is said.
fn networks(values: &Values, mistakes: &mut Mistakes, key: &'static str) -> Option<Vec<IpNet>> {
    let mut networks = Vec::new();
    for text in values.list(key)? {
        match text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
            Ok(network) => networks.push(network),
            Err(_) => {
                let what = format!("expected addresses or networks, found {}", quoted(text));
                let mend = "write each as \"10.0.0.0/8\", \"fd00::/8\" or \"192.0.2.7\"";
                mistakes.push(Mistake::new(MistakeKind::WrongType, key, values.place(key), what, mend));
            }
        }
    }
    Some(networks)
}

/// Both files or none.
fn tls(values: &Values, mistakes: &mut Mistakes) -> Option<Tls> {
    let (certificate, key) = ("http.tls_certificate", "http.tls_key");
    match (values.path(certificate), values.path(key)) {
        (Some(certificate), Some(key)) => {
            Some(Tls { certificate: certificate.to_owned(), key: key.to_owned() })
        }
        (None, None) => None,
        (there, _) => {
            let (one, other) = if there.is_some() { (certificate, key) } else { (key, certificate) };
            let (what, mend) = (format!("is set without {other}"), format!("set {other}, or take {one} out"));
            mistakes.push(Mistake::new(MistakeKind::Contradiction, one, values.place(one), what, mend));
            None
        }
    }
}

fn webhook_secrets(values: &Values, mistakes: &mut Mistakes) {
    let (first, second) = ("github.webhook_secret", "github.second_webhook_secret");
    let said = mistakes.list().iter().any(|mistake| mistake.key.starts_with(first)) || mistakes.has_syntax();
    if values.secret(first).is_none() && !said {
        let mend = "write the App's webhook secret into a file of mode 0600 and its path into \
                    `webhook_secret_file` under [github], or set GITHUB_WEBHOOK_SECRET";
        // An App that `cutover app create` made has a secret of its own.
        if values.text("http.listen").is_some() && values.get("github.app_id").is_some() {
            let what = "is required with http.listen, and not set: nobody could tell GitHub from others";
            let place = values.place("http.listen");
            mistakes.push(Mistake::new(MistakeKind::Missing, first, place, what, mend));
        } else if values.get(second).is_some() {
            let what = "is set without github.webhook_secret";
            let place = values.place(second);
            mistakes.push(Mistake::new(MistakeKind::Contradiction, second, place, what, mend));
        }
    }
    if let (Some(one), Some(other)) = (values.secret(first), values.secret(second))
        && one.expose_secret() == other.expose_secret()
    {
        let what = "is the same secret as github.webhook_secret";
        let place = values.place(second);
        let mend = "remove it, or give it the new secret";
        mistakes.push(Mistake::new(MistakeKind::Contradiction, second, place, what, mend));
    }
}

/// Who may open the socket; the group must exist here, and the path fit.
pub(super) fn socket(values: &Values, mistakes: &mut Mistakes) -> Option<SocketAccess> {
    let socket = values.path("rpc.socket")?;
    let length = socket.as_os_str().len();
    if length > LONGEST_SOCKET {
        let what = format!("the socket's path has {length} bytes; Unix takes {LONGEST_SOCKET}");
        let mend = "name a shorter one, such as \"/run/cutover/cutoverd.sock\"";
        mistakes.push(Mistake::new(
            MistakeKind::OutOfRange,
            "rpc.socket",
            values.place("rpc.socket"),
            what,
            mend,
        ));
    }
    let Some(name) = values.text("rpc.group") else { return Some(SocketAccess::Owner) };
    let found = nix::unistd::Group::from_name(name);
    if let Ok(Some(group)) = &found {
        return Some(SocketAccess::Group { name: name.to_owned(), gid: group.gid.as_raw() });
    }
    let what = format!("there is no group {} on this machine", quoted(name));
    let mend = "make it with `groupadd --system NAME`, or name one that `getent group` lists";
    mistakes.push(Mistake::new(MistakeKind::Unreadable, "rpc.group", values.place("rpc.group"), what, mend));
    None
}

/// The operators; a uid and a name each belong to one.
pub(super) fn operators(values: &Values, mistakes: &mut Mistakes) -> Vec<Operator> {
    let mut operators = Vec::new();
    let mut seen: BTreeMap<String, Place> = BTreeMap::new();
    for section in &values.operators {
        let text = |name: &str| match section.fields.get(name).map(|found| &found.value) {
            Some(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let uid = match section.fields.get("operators[].uid").map(|found| &found.value) {
            Some(Value::Whole(uid)) => u32::try_from(*uid).ok(),
            _ => None,
        };
        let name = text("operators[].name");
        for (field, value) in [("uid", uid.map(|uid| uid.to_string())), ("name", name.map(str::to_owned))] {
            let Some(value) = value else { continue };
            let place = section.place.clone();
            if let Some(first) = seen.insert(format!("{field} {value}"), place.clone()) {
                let what = format!("{field} {value} also stands at {first}");
                let mend = "give each person one section, with a uid and a name of its own";
                mistakes.push(Mistake::new(
                    MistakeKind::Contradiction,
                    format!("operators.{field}"),
                    place,
                    what,
                    mend,
                ));
            }
        }
        if let (Some(uid), Some(name), Some(role)) =
            (uid, name, text("operators[].role").and_then(Role::from_word))
        {
            operators.push(Operator { uid, name: OperatorName::from(name), role });
        }
    }
    operators
}
