//! `cutover` without a verb: the console, in this terminal.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use cutover_shared::error::ErrorCode;
use cutover_shared::rpc::Role;

use crate::app::run::Setup;
use crate::conn::Introduction;
use crate::env::Env;
use crate::failure::Failure;
use crate::glyphs::{self, GlyphSet};
use crate::keymap::Keymap;
use crate::options::Options;
use crate::settings::{self, Settings, SettingsError, Written};
use crate::state::{ListId, Screen};
use crate::theme::{self, Theme, ThemeName};
use crate::widgets::Look;

/// Options of the console; they go with no verb.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Console (without a verb)")]
pub(crate) struct Args {
    /// Lines instead of a screen, with the same power: for screen readers and bad terminals
    #[arg(long)]
    pub plain: bool,
    /// Colours: 16, truecolor or mono
    #[arg(long, value_name = "NAME", value_parser = named(ThemeName::from_word, "16, truecolor or mono"))]
    pub theme: Option<ThemeName>,
    /// Signs: unicode or ascii
    #[arg(long, value_name = "SET", value_parser = named(GlyphSet::from_word, "unicode or ascii"))]
    pub glyphs: Option<GlyphSet>,
    /// The first screen
    #[arg(long, value_name = "NAME", ignore_case = true, value_parser = screen())]
    pub screen: Option<Screen>,
    /// Frames a second at most, 1 to 30
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=30))]
    pub fps: Option<u32>,
    /// Most items a second for what is applied or undone from here
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Writes every event to a file, for `cutover replay`
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// The console's own settings [env: CUTOVER_CONSOLE_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub console_config: Option<PathBuf>,
    /// The other side of the demo's guided tour
    #[arg(long, value_name = "SOCKET", hide = true)]
    pub tour: Option<PathBuf>,
}

/// A parser of the word of a screen; help, completions and mistakes list them all.
fn screen() -> impl TypedValueParser<Value = Screen> {
    PossibleValuesParser::new(Screen::TABS.iter().map(|screen| screen.word()))
        .try_map(|word| Screen::named(&word).ok_or("no such screen"))
}

/// A parser of one of several words.
fn named<T: Clone + Send + Sync + 'static>(
    from: fn(&str) -> Option<T>,
    wanted: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    move |word| from(word).ok_or_else(|| format!("write {wanted}"))
}

impl Args {
    /// Something that goes with no verb was said.
    pub fn is_used(&self) -> bool {
        let Self { plain, theme, glyphs, screen, fps, rate, record, console_config, tour } = self;
        *plain
            || theme.is_some()
            || glyphs.is_some()
            || screen.is_some()
            || fps.is_some()
            || rate.is_some()
            || record.is_some()
            || console_config.is_some()
            || tour.is_some()
    }
}

/// How it looks where nobody says.
pub(super) fn look(env: &Env) -> Look {
    let theme = theme::choose(None, env.console.no_color, env.console.colorterm.as_deref());
    let glyphs = glyphs::choose(None, env.console.locale.as_deref(), env.console.term.as_deref());
    Look { theme: Theme::new(theme), glyphs }
}

/// What the console begins with, or every mistake in its settings.
pub(crate) fn setup(args: &Args, options: &Options, env: &Env) -> Result<Setup, Failure> {
    let place = settings::place(args.console_config.as_deref(), env.console.config.clone());
    let file = match &place {
        settings::Place::Named(path) | settings::Place::Usual(path) => path.clone(),
        settings::Place::Nowhere => PathBuf::new(),
    };
    let settings = Settings::load(&place).map_err(|errors| mistakes(&errors))?;
    let mut wrong = Vec::new();
    let keymap = keymap(&settings, &file, &mut wrong);
    let screen = settings.start_screen.as_ref().and_then(|written| {
        let known: Vec<&str> = Screen::TABS.iter().map(|screen| screen.word()).collect();
        let found = Screen::named(&written.value);
        if found.is_none() {
            wrong.push(SettingsError::unknown(&file, "start_screen", written, "screen", &known));
        }
        found
    });
    let hidden = hidden(&settings, &file, &mut wrong);
    if !wrong.is_empty() {
        return Err(mistakes(&wrong));
    }
    let theme =
        theme::choose(args.theme.or(settings.theme), env.console.no_color, env.console.colorterm.as_deref());
    let glyphs = glyphs::choose(
        args.glyphs.or(settings.glyphs),
        env.console.locale.as_deref(),
        env.console.term.as_deref(),
    );
    let role = if options.read_only { Some(Role::Viewer) } else { options.role };
    Ok(Setup {
        socket: options.socket.clone().unwrap_or_else(|| env.socket.clone()),
        state_dir: env.state_dir.clone(),
        introduction: Introduction { purpose: "console", role },
        options: crate::state::Options {
            read_only: options.read_only,
            apply_rate: args.rate.or(settings.apply_rate),
            bell: settings.bell,
            socket: options.socket.clone(),
            folder: env.console.folder.clone(),
            state_dir: env.state_dir.clone(),
        },
        keymap: keymap.unwrap_or_default(),
        look: Look { theme: Theme::new(theme), glyphs },
        screen: args.screen.or(screen).unwrap_or(Screen::Overview),
        fps: args.fps.unwrap_or(settings.fps),
        record: args.record.clone(),
        crash: env.console.crash.clone(),
        tour: args.tour.clone(),
        hidden,
        tmux: env.console.tmux,
    })
}

fn keymap(settings: &Settings, file: &std::path::Path, wrong: &mut Vec<SettingsError>) -> Option<Keymap> {
    let changes: Vec<_> =
        settings.keys.iter().map(|(name, chords)| (name.value.clone(), chords.clone())).collect();
    match Keymap::with(&changes) {
        Ok(keymap) => Some(keymap),
        Err(errors) => {
            let known: Vec<&str> = crate::keymap::TABLE.iter().map(|row| row.name).collect();
            for (at, error) in errors {
                let name = &settings.keys[at].0;
                wrong.push(match error {
                    crate::keymap::KeymapError::NoAction { .. } => {
                        SettingsError::unknown(file, "keys", name, "action", &known)
                    }
                    error => SettingsError {
                        path: file.to_owned(),
                        line: name.line,
                        column: name.column,
                        key: format!("keys.{}", name.value),
                        message: error.to_string(),
                        hint: "give one of the two another key".to_owned(),
                    },
                });
            }
            None
        }
    }
}

/// Columns that are not named are hidden.
fn hidden(
    settings: &Settings,
    file: &std::path::Path,
    wrong: &mut Vec<SettingsError>,
) -> Vec<(ListId, Vec<String>)> {
    let lists: Vec<&str> = ListId::ALL.iter().map(|list| list.spec().name).collect();
    let mut hidden = Vec::new();
    for (name, columns) in &settings.columns {
        let Some(list) = ListId::ALL.iter().copied().find(|list| list.spec().name == name.value) else {
            wrong.push(SettingsError::unknown(file, "columns", name, "list", &lists));
            continue;
        };
        let all: Vec<&str> = list.spec().columns.iter().map(|column| column.name).collect();
        let is_known = |written: &&Written<String>| !all.contains(&written.value.as_str());
        for column in columns.iter().filter(is_known) {
            let key = format!("columns.{}", name.value);
            wrong.push(SettingsError::unknown(file, &key, column, "column", &all));
        }
        let wanted = |column: &&str| !columns.iter().any(|written| written.value == **column);
        hidden.push((
            list,
            all.iter().filter(|column| wanted(column)).map(|column| (*column).to_owned()).collect(),
        ));
    }
    hidden
}

fn mistakes(errors: &[SettingsError]) -> Failure {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let message = match errors.len() {
        1 => "the console's settings have a mistake".to_owned(),
        n => format!("the console's settings have {n} mistakes"),
    };
    Failure::Settings {
        mistakes: Box::new(serde_json::json!(lines)),
        lines,
        error: cutover_shared::error::RpcError::new(
            ErrorCode::Usage,
            message,
            "mend them; without the file the defaults hold",
        ),
    }
}
