//! Verbs of the command line, one file a noun. DESIGN's table of verbs and exit codes is a contract.

mod app;
mod audit;
mod catalog;
mod choose;
mod completions;
mod console;
mod context;
mod doctor;
mod fleet;
mod follow;
mod hooks;
mod import;
mod incident;
mod installation;
mod kill;
mod list;
mod man;
mod map;
mod mode;
mod project;
mod reference;
mod replay;
mod rollback;
mod rollout;
mod run;
mod status;
mod tenant;
mod token;
mod unkill;
mod watch;
mod webhook;
mod workflow;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use cutover_shared::error::ErrorCode;

use crate::app::run::Setup;
use crate::env::{Env, Io};
use crate::failure::Failure;
use crate::options::Options;
use crate::out::Out;
use crate::session::Session;
use crate::widgets::Look;
use crate::{clock, plain};

/// Drives a Cutover daemon: what there is, what would change, and changing it. Without a verb: the operator's console.
#[derive(Debug, Parser)]
#[command(
    name = "cutover",
    version,
    after_help = "Exit codes\n  \
        0  done                           4  daemon not reached\n  \
        1  done, and something was found  5  still going at --timeout\n  \
        2  usage                          6  failed; the error says which part\n  \
        3  refused; nothing was done"
)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    console: console::Args,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Is anything wrong, what moves, how far are we
    Status,
    /// Checks the daemon and all that it needs; exit 1 when a check is bad
    Doctor,
    /// Tenants' projects and the repositories that they were imported from
    #[command(subcommand)]
    Catalog(catalog::Verb),
    /// Tenants and how far they are
    #[command(subcommand)]
    Tenant(tenant::Verb),
    /// Projects and how their repositories are mapped
    #[command(subcommand)]
    Project(project::Verb),
    /// Plan, apply and check the mapping of repositories to installations
    #[command(subcommand)]
    Map(map::Verb),
    /// Tenants' own databases: plan, apply and take back their migrations
    #[command(subcommand)]
    Fleet(fleet::Verb),
    /// Webhooks that the old OAuth app left at repositories: find and remove them after the move
    #[command(subcommand)]
    Hooks(hooks::Verb),
    /// The ceiling for every tenant: off, canary or on
    #[command(subcommand)]
    Mode(mode::Verb),
    /// Runs: everything that changes something is one
    #[command(subcommand)]
    Run(run::Verb),
    /// Follows a run until it ends; the exit code tells how
    Watch(watch::Args),
    /// Installation tokens in the daemon's memory; never the tokens themselves
    #[command(subcommand)]
    Token(token::Verb),
    /// Installations of the App and how they are
    #[command(subcommand)]
    Installation(installation::Verb),
    /// Fetches a project's repository, with the credential that mode and mapping choose
    Import(import::Args),
    /// Deliveries of GitHub's webhooks, and handling them again
    #[command(subcommand)]
    Webhook(webhook::Verb),
    /// Workflows that events trigger, and what was sent to the engine for them
    #[command(subcommand)]
    Workflow(workflow::Verb),
    /// What GitHub says about a repository, for operators; commenting there
    #[command(subcommand)]
    Context(context::Verb),
    /// The GitHub App: making it, and what it is
    #[command(subcommand)]
    App(app::Verb),
    /// The audit log: append-only, hash-chained
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Rollouts: how far, who is in, what speaks against going on
    #[command(subcommand)]
    Rollout(rollout::Verb),
    /// Critical incidents: what is declared rolls back
    #[command(subcommand)]
    Incident(incident::Verb),
    /// A rollout back to an earlier stage, at once
    Rollback(rollback::Args),
    /// Everything on legacy, every run paused, at once; or one rollout
    Kill(kill::Args),
    /// Lets go of a kill: of one rollout, or of everything
    Unkill(unkill::Args),
    /// Plays a session that the console recorded
    Replay(replay::Args),
    /// Prints the completion script of a shell
    Completions(completions::Args),
    /// Prints the manual page, or writes one for each verb
    Man(man::Args),
}

/// How a call ended that did what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// Done, and there is something to look at.
    Found,
}

pub(crate) type Verdict = Result<Outcome, Failure>;

/// The whole grammar: what help, completions and manual pages are made of.
pub fn grammar() -> clap::Command {
    Cli::command()
}

pub(crate) async fn call(args: Vec<OsString>, env: &Env, io: Io<'_>) -> u8 {
    // Asked before the grammar is, because its own errors must be JSON too.
    let json = args.iter().skip(1).take_while(|arg| *arg != "--").any(|arg| arg == "--json");
    let Io { stdin, stdout, stderr } = io;
    let mut out = Out::new(stdout, stderr, env, json);
    let columns = env.columns.unwrap_or(plain::WIDTH).clamp(40, 100);
    let parsed = grammar()
        .term_width(columns)
        .try_get_matches_from(args)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return outside_of_grammar(&error, &mut out),
    };
    let Some(verb) = cli.verb else {
        let failure = Failure::usage(
            "no verb was given, and there is no terminal for the console",
            "`cutover help` lists the verbs; `cutover --plain` reads lines from anything",
        );
        out.failure(&failure);
        return failure.exit();
    };
    if cli.console.is_used() {
        let failure = Failure::usage(
            "an option of the console does not go with a verb",
            "leave out the one or the other",
        );
        out.failure(&failure);
        return failure.exit();
    }
    let mut session = Session::new(env, cli.options, out, stdin);
    let limit = session.options.timeout;
    let work = Box::pin(dispatch(verb, &mut session));
    let verdict = match limit {
        Some(limit) => clock::within(limit, work).await,
        None => Some(work.await),
    };
    match verdict.unwrap_or_else(|| Err(session.timed_out())) {
        Ok(Outcome::Done) => 0,
        Ok(Outcome::Found) => 1,
        Err(failure) => {
            session.out.failure(&failure);
            failure.exit()
        }
    }
}

/// What the arguments ask of a terminal: the console, its line mode, or a recording; none when they ask for a verb, or
/// make no sense, which `call` says.
pub(crate) fn launch(args: &[OsString], env: &Env) -> Option<Result<Launch, Failure>> {
    let cli = Cli::from_arg_matches(&grammar().try_get_matches_from(args).ok()?).ok()?;
    match cli.verb {
        None if env.console.screen || env.console.terminal || cli.console.plain => {
            let plain = cli.console.plain || !env.console.screen;
            let setup = console::setup(&cli.console, &cli.options, env);
            Some(setup.map(|setup| if plain { Launch::Lines(setup) } else { Launch::Console(setup) }))
        }
        Some(Verb::Replay(args)) if !args.print && env.console.screen => {
            Some(Ok(Launch::Replay(args.file, args.speed, console::look(env))))
        }
        _ => None,
    }
}

/// What takes the terminal.
pub(crate) enum Launch {
    Console(Setup),
    Lines(Setup),
    /// A recording, how fast, and how it looks.
    Replay(std::path::PathBuf, u32, Look),
}

async fn dispatch(verb: Verb, session: &mut Session<'_>) -> Verdict {
    match verb {
        Verb::Status => status::run(session).await,
        Verb::Doctor => doctor::run(session).await,
        Verb::Catalog(verb) => catalog::run(verb, session).await,
        Verb::Tenant(verb) => tenant::run(verb, session).await,
        Verb::Project(verb) => project::run(verb, session).await,
        Verb::Map(verb) => map::run(verb, session).await,
        Verb::Fleet(verb) => fleet::run(verb, session).await,
        Verb::Hooks(verb) => hooks::run(verb, session).await,
        Verb::Mode(verb) => mode::run(verb, session).await,
        Verb::Run(verb) => run::run(verb, session).await,
        Verb::Watch(args) => watch::run(args, session).await,
        Verb::Token(verb) => token::run(verb, session).await,
        Verb::Installation(verb) => installation::run(verb, session).await,
        Verb::Import(args) => import::run(args, session).await,
        Verb::Webhook(verb) => webhook::run(verb, session).await,
        Verb::Workflow(verb) => workflow::run(verb, session).await,
        Verb::Context(verb) => context::run(verb, session).await,
        Verb::App(verb) => app::run(verb, session).await,
        Verb::Audit(verb) => audit::run(verb, session).await,
        Verb::Rollout(verb) => rollout::run(verb, session).await,
        Verb::Incident(verb) => incident::run(verb, session).await,
        Verb::Rollback(args) => rollback::run(args, session).await,
        Verb::Kill(args) => kill::run(args, session).await,
        Verb::Unkill(args) => unkill::run(args, session).await,
        Verb::Replay(args) => replay::run(&args, session),
        Verb::Completions(args) => completions::run(&args, session),
        Verb::Man(args) => man::run(&args, session),
    }
}

/// Where the parser knows no mend.
const LISTS: &str = "`cutover help` lists the verbs, `cutover VERB --help` what one takes";

/// Help, version and arguments that make no sense.
fn outside_of_grammar(error: &clap::Error, out: &mut Out<'_>) -> u8 {
    let rendered = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = if out.style.colour { rendered.ansi().to_string() } else { rendered.to_string() };
            match out.raw(&text) {
                Ok(()) => 0,
                Err(failure) => failure.exit(),
            }
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let text = rendered.to_string();
            let message = "no verb was given".to_owned();
            out.failure(&Failure::Arguments { text, message, hint: LISTS.to_owned() });
            ErrorCode::Usage.exit()
        }
        _ => {
            let text = rendered.to_string();
            let line = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
            let mut parts = text.split("\n\n");
            let message = line(parts.next().unwrap_or_default().trim_start_matches("error: "));
            let mends =
                parts.map(line).filter(|part| part.starts_with("tip: ") || part.starts_with("Usage: "));
            let mends = mends.collect::<Vec<_>>().join("; ");
            let hint = if mends.is_empty() { LISTS.to_owned() } else { mends };
            out.failure(&Failure::Arguments { text, message, hint });
            ErrorCode::Usage.exit()
        }
    }
}
