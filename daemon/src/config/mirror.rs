//! The copies in the application's database: their keys, and what can't stand together.

use super::gather::Values;
use super::key::{Key, Kind, Need, key};
use super::mistake::{Mistake, MistakeKind, Mistakes};
use super::settings::{InstallationCopy, IntegrationCopy, MirrorNames, TokenCopy};

/// Their keys, in the order of the file.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("catalog.postgres.mirror.installations", Kind::Flag, Need::Default("false"),
        "Whether the application's table of installations is kept true: for each, which repositories it may see.", "true"),
    key("catalog.postgres.mirror.installation_table", Kind::SqlName, Need::Default(r#""GitHubAppInstallation""#),
        "That table.", r#""github_installations""#),
    key("catalog.postgres.mirror.installation_id", Kind::SqlName, Need::Default(r#""installationId""#),
        "Its column with GitHub's id of the installation: a whole number or text.", r#""installation_id""#),
    key("catalog.postgres.mirror.installation_repositories", Kind::SqlName, Need::Default(r#""repositories""#),
        "Its column for the list of `owner/name`: `jsonb`, `json`, `text[]`, or text that holds JSON.", r#""repos""#),
    key("catalog.postgres.mirror.installation_account_id", Kind::SqlName, Need::Optional,
        "Its column for GitHub's id of the account, kept true too.", r#""accountId""#),
    key("catalog.postgres.mirror.installation_account_login", Kind::SqlName, Need::Optional,
        "Its column for the account's login, kept true too.", r#""accountLogin""#),
    key("catalog.postgres.mirror.installation_account_type", Kind::SqlName, Need::Optional,
        "Its column for `User` or `Organization`, kept true too.", r#""accountType""#),
    key("catalog.postgres.mirror.installation_add", Kind::Flag, Need::Default("false"),
        "Whether a row is added for an installation that has none; every other column then needs a default.", "true"),

    key("catalog.postgres.mirror.integrations", Kind::Flag, Need::Default("false"),
        "Whether who connected which installation is copied into the application's tables of integrations and tokens; never a token.", "true"),
    key("catalog.postgres.mirror.integration_table", Kind::SqlName, Need::Default(r#""integrations""#),
        "Table of integrations, which gets one row: `github_app`.", r#""Integration""#),
    key("catalog.postgres.mirror.integration_id", Kind::SqlName, Need::Default(r#""integration_id""#),
        "Its column for `github_app`.", r#""integrationId""#),
    key("catalog.postgres.mirror.integration_type", Kind::SqlNameOrNone, Need::Default(r#""integration_type""#),
        "Its column for `github`; \"\" where there is none, as with the following.", r#""integrationType""#),
    key("catalog.postgres.mirror.integration_name", Kind::SqlNameOrNone, Need::Default(r#""name""#),
        "Its column for the name.", r#""title""#),
    key("catalog.postgres.mirror.integration_description", Kind::SqlNameOrNone, Need::Default(r#""description""#),
        "Its column for a sentence.", r#""about""#),
    key("catalog.postgres.mirror.integration_version", Kind::SqlNameOrNone, Need::Default(r#""version""#),
        "Its column for the version.", r#""integrationVersion""#),
    key("catalog.postgres.mirror.integration_configuration", Kind::SqlNameOrNone, Need::Default(r#""configuration""#),
        "Its column for the address of the callback, as JSON.", r#""config""#),
    key("catalog.postgres.mirror.integration_operations", Kind::SqlNameOrNone, Need::Default(r#""supported_operations""#),
        "Its column for the list of operations.", r#""operations""#),
    key("catalog.postgres.mirror.integration_scopes", Kind::SqlNameOrNone, Need::Default(r#""required_scopes""#),
        "Its column for the list of scopes.", r#""scopes""#),
    key("catalog.postgres.mirror.token_table", Kind::SqlName, Need::Default(r#""oauth_tokens""#),
        "Table that gets one row for each user and installation.", r#""OAuthToken""#),
    key("catalog.postgres.mirror.token_id", Kind::SqlName, Need::Default(r#""id""#),
        "Its primary key, `uuid` or text: the integration's id here.", r#""tokenId""#),
    key("catalog.postgres.mirror.token_integration", Kind::SqlName, Need::Default(r#""integration_id""#),
        "Its column for `github_app`.", r#""integrationId""#),
    key("catalog.postgres.mirror.token_provider", Kind::SqlName, Need::Default(r#""provider""#),
        "Its column for `github`.", r#""service""#),
    key("catalog.postgres.mirror.token_access", Kind::SqlName, Need::Default(r#""access_token""#),
        "Its column for a token, which gets a fixed text that is none.", r#""accessToken""#),
    key("catalog.postgres.mirror.token_data", Kind::SqlName, Need::Default(r#""credential_data""#),
        "Its column for `installation_id`, `setup_action` and `callback_timestamp`: `jsonb`, `json`, or text.", r#""credentialData""#),
    key("catalog.postgres.mirror.token_user", Kind::SqlName, Need::Default(r#""user_id""#),
        "Its column for the user: text, `uuid` or a whole number.", r#""userId""#),
    key("catalog.postgres.mirror.token_active", Kind::SqlName, Need::Default(r#""is_active""#),
        "Its boolean column: false once it was revoked or uninstalled.", r#""active""#),
];

/// What is copied, and under which names.
pub(super) fn names(values: &Values) -> Option<MirrorNames> {
    let of = |field: &str| values.text(&full(field)).map(str::to_owned);
    let or_none = |field: &str| of(field).map(|name| Some(name).filter(|name| !name.is_empty()));
    let on = |field: &str| values.flag(&full(field));
    let installations = if on("installations")? {
        Some(InstallationCopy {
            table: of("installation_table")?,
            id: of("installation_id")?,
            repositories: of("installation_repositories")?,
            account_id: of("installation_account_id"),
            account_login: of("installation_account_login"),
            account_type: of("installation_account_type"),
            add: on("installation_add")?,
        })
    } else {
        None
    };
    let integrations = if on("integrations")? {
        Some(IntegrationCopy {
            table: of("integration_table")?,
            id: of("integration_id")?,
            kind: or_none("integration_type")?,
            name: or_none("integration_name")?,
            description: or_none("integration_description")?,
            version: or_none("integration_version")?,
            configuration: or_none("integration_configuration")?,
            operations: or_none("integration_operations")?,
            scopes: or_none("integration_scopes")?,
            tokens: TokenCopy {
                table: of("token_table")?,
                id: of("token_id")?,
                integration: of("token_integration")?,
                provider: of("token_provider")?,
                access: of("token_access")?,
                data: of("token_data")?,
                user: of("token_user")?,
                active: of("token_active")?,
            },
        })
    } else {
        None
    };
    Some(MirrorNames { installations, integrations })
}

fn full(field: &str) -> String {
    format!("catalog.postgres.mirror.{field}")
}

/// A copy that could never be made, and two things in one column.
pub(super) fn check(values: &Values, mistakes: &mut Mistakes) {
    let on = |field: &str| values.flag(&full(field)) == Some(true);
    let elsewhere = values.text("catalog.source") != Some("postgres");
    for (flag, prefixes) in
        [("installations", &["installation_"][..]), ("integrations", &["integration_", "token_"])]
    {
        if !on(flag) {
            continue;
        }
        if elsewhere && !mistakes.has_syntax() {
            let what = "is set, and the catalog is not the application's database";
            let mend = "set catalog.source = \"postgres\" and catalog.database_url, or take it out";
            push(values, mistakes, full(flag), what.to_owned(), mend);
        }
        for prefix in prefixes {
            one_column_each(values, mistakes, &full(prefix));
        }
    }
}

/// Keys that begin with `prefix` name columns of one table.
fn one_column_each(values: &Values, mistakes: &mut Mistakes, prefix: &str) {
    let columns: Vec<(&str, &str)> = KEYS
        .iter()
        .filter(|key| key.name.starts_with(prefix) && !key.name.ends_with("_table"))
        .filter_map(|key| Some((key.name, values.text(key.name).filter(|name| !name.is_empty())?)))
        .collect();
    for (at, (name, column)) in columns.iter().enumerate() {
        let Some((other, _)) = columns.iter().take(at).find(|(_, other)| other == column) else { continue };
        let (one, two) = if values.is_written(name) { (*name, *other) } else { (*other, *name) };
        let field = two.rsplit_once('.').map_or(two, |(_, field)| field);
        push(
            values,
            mistakes,
            one.to_owned(),
            format!("is the same column as `{field}`"),
            "name a column of its own",
        );
    }
}

fn push(values: &Values, mistakes: &mut Mistakes, key: String, what: String, mend: &str) {
    let place = values.place(&key);
    mistakes.push(Mistake::new(MistakeKind::Contradiction, key, place, what, mend));
}
