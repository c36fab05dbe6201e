//! What an event says about who has an installation. Pure.

use serde::Deserialize;
use serde_json::Value;

use crate::store::{IntegrationOp, Op};

#[derive(Deserialize)]
struct Payload {
    action: String,
    installation: Installation,
    /// Who had asked for it, where an owner approved a request.
    #[serde(default)]
    requester: Value,
}

#[derive(Deserialize)]
struct Installation {
    id: i64,
    #[serde(default)]
    account: Value,
}

/// Written in the same unit as the rest of what the event does. An event that can't be read says nothing here.
pub fn effects(host: &str, event: &str, body: &[u8], at: i64) -> Vec<Op> {
    if event != "installation" {
        return Vec::new();
    }
    let Ok(told) = serde_json::from_slice::<Payload>(body) else { return Vec::new() };
    let (host, installation) = (host.to_owned(), told.installation.id);
    match told.action.as_str() {
        "deleted" => vec![IntegrationOp::Uninstalled { host, installation, at }.into()],
        "created" => match told.requester["id"].as_i64() {
            Some(requester) => {
                let account = &told.installation.account;
                let login = account["login"].as_str().or(account["slug"].as_str()).unwrap_or_default();
                let account_login = login.to_owned();
                vec![IntegrationOp::Granted { host, requester, installation, account_login, at }.into()]
            }
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(event: &str, body: &Value) -> Vec<IntegrationOp> {
        let ops = effects("github.com", event, body.to_string().as_bytes(), 5);
        ops.into_iter()
            .map(|op| match op {
                Op::Integration(op) => op,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn an_installation_ends_and_an_approved_one_names_who_asked() {
        let account = json!({"id": 9, "login": "acme"});
        let on = json!({"id": 7, "account": account});
        let ops = told("installation", &json!({"action": "deleted", "installation": on}));
        assert!(
            matches!(&ops[..], [IntegrationOp::Uninstalled { host, installation: 7, at: 5 }] if host == "github.com")
        );
        let created =
            json!({"action": "created", "installation": on, "requester": {"id": 70, "login": "ana"}});
        let ops = told("installation", &created);
        assert!(
            matches!(&ops[..], [IntegrationOp::Granted { requester: 70, installation: 7, account_login, .. }]
                if account_login == "acme"),
            "{ops:?}"
        );
        for (event, body) in [
            ("installation", json!({"action": "created", "installation": on, "requester": null})),
            ("installation", json!({"action": "created", "installation": on})),
            ("installation", json!({"action": "suspend", "installation": on})),
            ("installation", json!({"action": "deleted"})),
            ("installation", json!([])),
            ("repository", json!({"action": "deleted", "installation": on})),
        ] {
            assert!(told(event, &body).is_empty(), "{event} {body}");
        }
    }
}
