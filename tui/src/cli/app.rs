//! `cutover app`.

mod page;

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Subcommand;
use cutover_shared::app::{AppAct, AppAnswer, AppAsk, AppQuery, AppView, Code, Feature, Manifest};
use cutover_shared::rpc::{Act, Answer, Query, Receipt};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;

use self::page::{Returned, State};
use super::{Outcome, Verdict};
use crate::failure::Failure;
use crate::file::NewFile;
use crate::plain::{Block, Style};
use crate::session::Session;
use crate::words;

/// Where GitHub sends a browser that no page waits for: its address bar then holds the code.
const NOWHERE: &str = "http://127.0.0.1:9/created";

/// The most that is read of a pasted line, in bytes.
const LONGEST_LINE: u64 = 4_096;

const HOW: &str = "\
A page on this machine has a button that asks GitHub for an App with the
permissions and events that Cutover needs: reads only, unless a feature is
named. When somebody agrees there, GitHub sends the browser back with a code
that works once; the daemon turns it into id, key and secrets, and goes on with
its start.";

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Makes the App at GitHub and hands its key to the daemon, which seals it
    #[command(after_help = HOW)]
    Create(Create),
    /// The App that the daemon speaks as
    Show,
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The App's name, unique at GitHub: at most 34 letters
    #[arg(long)]
    name: String,
    /// Where GitHub reaches the daemon's HTTP door, such as https://cutover.example.com
    #[arg(long)]
    url: String,
    /// The App's homepage [default: the address of --url]
    #[arg(long)]
    homepage: Option<String>,
    /// The organisation that is to own it [default: the user who is signed in at GitHub]
    #[arg(long, value_name = "LOGIN")]
    org: Option<String>,
    /// A private App, which only its owner can install
    #[arg(long)]
    dev: bool,
    /// What it may do besides reading; can be given several times
    #[arg(long = "with", value_name = "FEATURE", value_parser = words::feature())]
    features: Vec<Feature>,
    /// Port of the page on this machine [default: any that is free]
    #[arg(long, value_name = "PORT", conflicts_with = "paste")]
    port: Option<u16>,
    /// For a machine without a browser: write the page to this file, open it elsewhere, and paste the address that the browser
    /// shows afterwards
    #[arg(long, value_name = "FILE")]
    paste: Option<PathBuf>,
}

pub(super) async fn run(verb: Verb, session: &mut Session<'_>) -> Verdict {
    let view = match verb {
        Verb::Create(create) => make(create, session).await?,
        Verb::Show => {
            let Answer::App(AppAnswer::Show(view)) = session.ask(Query::App(AppQuery::Show)).await? else {
                return Err(Failure::unexpected("a question about the App"));
            };
            view
        }
    };
    session.out.answer(&view, |style| text(&view, style))?;
    Ok(Outcome::Done)
}

async fn make(create: Create, session: &mut Session<'_>) -> Result<Box<AppView>, Failure> {
    let state = State::fresh();
    let code = match create.paste.clone() {
        Some(path) => pasted(create, &path, &state, session).await?,
        None => clicked(create, &state, session).await?,
    };
    session.out.note("GitHub made the App; the daemon fetches its key");
    let Receipt::App(view) = session.act(Act::App(AppAct::Create { code })).await? else {
        return Err(Failure::unexpected("an act on the App"));
    };
    Ok(view)
}

/// The way over a page on this machine.
async fn clicked(create: Create, state: &State, session: &mut Session<'_>) -> Result<Code, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, create.port.unwrap_or(0)))
        .await
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)));
    let (listener, address) = listener.map_err(|error| {
        Failure::outside(
            format!("no page can be opened on this machine: {error}"),
            "name a free --port, or use --paste FILE",
        )
    })?;
    let manifest = manifest(create, format!("http://{address}/created"), session).await?;
    session
        .out
        .instruct(&format!("open http://{address}/ in a browser on this machine, and agree at GitHub"));
    page::serve(listener, &manifest, state).await
}

/// The way over a file and a pasted line.
async fn pasted(
    create: Create,
    path: &std::path::Path,
    state: &State,
    session: &mut Session<'_>,
) -> Result<Code, Failure> {
    let manifest = manifest(create, NOWHERE.to_owned(), session).await?;
    let mut file = NewFile::create(path)?;
    file.write(&page::form(&manifest, state))?;
    file.finish()?;
    session.out.instruct(&format!(
        "open {} in a browser anywhere, and agree at GitHub. The browser then fails to open an address that starts with \
         {NOWHERE}: paste that address here",
        path.display()
    ));
    let Some(stdin) = session.stdin.take() else { return Err(Failure::unexpected("a second line")) };
    let mut line = String::new();
    let read = BufReader::new(stdin.take(LONGEST_LINE)).read_line(&mut line).await;
    match (read, page::returned(line.trim(), state)) {
        (Err(error), _) => {
            Err(Failure::outside(format!("the pasted line can't be read: {error}"), "run the command again"))
        }
        (Ok(_), Returned::Code(code)) => Ok(code),
        (Ok(_), Returned::OtherState) => Err(Failure::usage(
            "this address belongs to another call of `cutover app create`",
            "open the page of this call, and paste what follows from it",
        )),
        (Ok(_), Returned::Nothing) => Err(Failure::usage(
            "there is no code in what was pasted",
            format!("paste the whole address: {NOWHERE}?code=...&state=..."),
        )),
    }
}

async fn manifest(
    create: Create,
    redirect_url: String,
    session: &mut Session<'_>,
) -> Result<Box<Manifest>, Failure> {
    let ask = AppAsk {
        name: create.name,
        public_url: create.url,
        homepage: create.homepage,
        organization: create.org,
        dev: create.dev,
        features: create.features,
        redirect_url,
    };
    let Answer::App(AppAnswer::Manifest(manifest)) =
        session.ask(Query::App(AppQuery::Manifest { ask })).await?
    else {
        return Err(Failure::unexpected("a question about the App"));
    };
    Ok(manifest)
}

fn text(view: &AppView, style: Style) -> String {
    let mut block = Block::new();
    block
        .line("app", view.id.to_string())
        .maybe("name", view.name.as_deref())
        .maybe("slug", view.slug.as_deref())
        .maybe("owner", view.owner.as_deref())
        .maybe("settings", view.page.as_deref())
        .maybe("install", view.install_url.as_deref())
        .line("from", &view.origin)
        .line(
            "webhooks",
            if view.has_webhook_secret { "a secret is known" } else { "no secret: none is taken" },
        );
    block.render(style)
}
