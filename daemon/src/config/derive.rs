//! Values that follow from others when nobody wrote them: places, and what belongs to a GitHub host.

use std::path::PathBuf;

use cutover_shared::paths;
use secrecy::SecretString;

use super::address;
use super::env::Env;
use super::gather::{Found, Origin, Values};
use super::value::Value;

/// Where the configuration is when nobody names it: `$CUTOVER_CONFIG`, else the XDG place.
pub(crate) fn config_place(env: &Env) -> PathBuf {
    match env.get("CUTOVER_CONFIG") {
        Some(named) => PathBuf::from(named),
        None => xdg(env, "XDG_CONFIG_HOME", ".config")
            .map_or_else(paths::config_file, |dir| dir.join("cutover.toml")),
    }
}

/// The file that is read when none is named: one that the environment names must exist, the XDG one need not.
pub(super) fn config_file(env: &Env) -> Option<PathBuf> {
    let place = config_place(env);
    (env.get("CUTOVER_CONFIG").is_some() || place.exists()).then_some(place)
}

/// Fills in what nobody wrote.
pub(super) fn fill(values: &mut Values, env: &Env) {
    let state_dir = match values.path("state_dir") {
        Some(dir) => dir.to_owned(),
        None => state_dir(env),
    };
    // systemd separates several folders by colons; the first is the service's own.
    let runtime = first_folder(env, "RUNTIME_DIRECTORY")
        .or_else(|| env.folder("XDG_RUNTIME_DIR").map(|dir| dir.join("cutover")))
        .unwrap_or_else(|| xdg_state(env).join("run"));
    let logs = first_folder(env, "LOGS_DIRECTORY").unwrap_or_else(|| state_dir.join("log"));
    let mut put = |name: &'static str, value: Value| {
        values.found.entry(name).or_insert(Found { value, origin: Origin::Default });
    };
    put(
        "store.url",
        Value::Secret(SecretString::from(format!("sqlite:{}", state_dir.join("cutover.db").display()))),
    );
    put("rpc.socket", Value::Path(runtime.join("cutoverd.sock")));
    put("log.dir", Value::Path(logs));
    put("state_dir", Value::Path(state_dir));
    if let Some(api) = values.text("github.api_base_url") {
        let web = Value::Text(address::web_base(api));
        values.found.entry("github.web_base_url").or_insert(Found { value: web, origin: Origin::Default });
    }
    if values.text("catalog.postgres.repo_table").is_some() {
        for (name, column) in
            [("catalog.postgres.repo_project", "projectId"), ("catalog.postgres.repo_name", "fullName")]
        {
            let value = Value::Text(column.to_owned());
            values.found.entry(name).or_insert(Found { value, origin: Origin::Default });
        }
    }
}

/// The state folder when none is named; `cutoverd init` puts the seal key there.
pub(crate) fn state_dir(env: &Env) -> PathBuf {
    first_folder(env, "STATE_DIRECTORY").unwrap_or_else(|| xdg_state(env))
}

fn xdg_state(env: &Env) -> PathBuf {
    xdg(env, "XDG_STATE_HOME", ".local/state").unwrap_or_else(paths::state_dir)
}

/// `cutover` in an XDG folder, from the given environment; the clients find the same one from theirs.
fn xdg(env: &Env, variable: &str, under_home: &str) -> Option<PathBuf> {
    env.folder(variable)
        .or_else(|| env.folder("HOME").map(|home| home.join(under_home)))
        .map(|dir| dir.join("cutover"))
}

fn first_folder(env: &Env, variable: &str) -> Option<PathBuf> {
    let first = env.get(variable)?.split(':').next()?;
    Some(PathBuf::from(first)).filter(|path| path.is_absolute())
}
