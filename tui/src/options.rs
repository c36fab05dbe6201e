//! Options that every verb takes. Apart from the verbs, because the session needs them and the verbs need the session.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::TypedValueParser;
use cutover_shared::rpc::Role;

use crate::{plain, words};

/// What stands beside every verb.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Options {
    /// The daemon's socket [env: CUTOVER_SOCKET]
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Print JSON; errors become one JSON object on stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// Do this with less power than the daemon would give
    #[arg(long, global = true, value_name = "ROLE", value_parser = words::role())]
    pub role: Option<Role>,
    /// Same as --role viewer: the daemon refuses every change
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Stop waiting after this long (30s, 5min, 2h); the work goes on
    #[arg(long, global = true, value_name = "DURATION", value_parser = plain::parse_duration)]
    pub timeout: Option<Duration>,
    /// Names this act: repeated with the same key within 24 h it answers the first receipt
    #[arg(long, global = true, value_name = "KEY", value_parser = key())]
    pub key: Option<String>,
}

fn key() -> impl TypedValueParser<Value = String> {
    clap::builder::NonEmptyStringValueParser::new().try_map(|key: String| {
        let fits = key.len() <= 128 && key.chars().all(|c| c.is_ascii_graphic());
        if fits { Ok(key) } else { Err("a key has at most 128 letters, digits and signs, no spaces") }
    })
}
