//! Alerts of Prometheus' Alertmanager: who may deliver them, and which are critical incidents.

use cutover_shared::rollout::RolloutName;
use secrecy::SecretString;

use super::gather::Values;
use super::key::{Key, Kind, Need, SecretForm, key};

/// Their keys, in the order of the file.
#[rustfmt::skip]
pub(super) const KEYS: &[Key] = &[
    key("alertmanager.token", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "Bearer token that it shows; without it and without a password nothing is taken.", r#""0123456789abcdef""#),
    key("alertmanager.user", Kind::Text, Need::Default(r#""alertmanager""#),
        "Its name, where it shows a password instead (basic auth).", r#""monitor""#),
    key("alertmanager.password", Kind::Secret(SecretForm::Opaque), Need::Optional,
        "Its password.", r#""0123456789abcdef""#),
    key("alertmanager.severity_label", Kind::Text, Need::Default(r#""severity""#),
        "The label that says how bad an alert is.", r#""priority""#),
    key("alertmanager.severity", Kind::Text, Need::Default(r#""critical""#),
        "Its value on alerts that are critical incidents; others are left alone.", r#""page""#),
    key("alertmanager.rollout_label", Kind::Text, Need::Default(r#""cutover_rollout""#),
        "The label that names the rollout that goes back, or `all`.", r#""rollout""#),
    key("alertmanager.default_rollout", Kind::Word(&["none", "all", "github-auth", "git-sandbox"]), Need::Default(r#""none""#),
        "What goes back when an alert has no such label; `none`: nothing, the alert is left alone.", r#""all""#),
];

/// Alertmanager.
#[derive(Clone, Debug)]
pub struct Alertmanager {
    pub token: Option<SecretString>,
    pub user: String,
    /// None: no password is taken.
    pub password: Option<SecretString>,
    pub severity_label: String,
    pub severity: String,
    pub rollout_label: String,
    pub default_rollout: DefaultRollout,
}

/// What an alert that names no rollout is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultRollout {
    None,
    All,
    One(RolloutName),
}

pub(super) fn alertmanager(values: &Values) -> Option<Alertmanager> {
    let text = |name: &str| values.text(name).map(str::to_owned);
    Some(Alertmanager {
        token: values.secret("alertmanager.token").cloned(),
        user: text("alertmanager.user")?,
        password: values.secret("alertmanager.password").cloned(),
        severity_label: text("alertmanager.severity_label")?,
        severity: text("alertmanager.severity")?,
        rollout_label: text("alertmanager.rollout_label")?,
        default_rollout: match values.text("alertmanager.default_rollout")? {
            "none" => DefaultRollout::None,
            "all" => DefaultRollout::All,
            name => DefaultRollout::One(RolloutName::from_word(name)?),
        },
    })
}
