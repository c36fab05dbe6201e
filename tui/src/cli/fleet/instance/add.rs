//! `cutover fleet instance add`: address and key come from a file or from standard input, never from an argument.

use std::path::{Path, PathBuf};

use cutover_shared::fleet::{DriverKind, FleetAct, FleetReceipt, NewInstance, checked};
use cutover_shared::ids::TenantId;
use cutover_shared::rpc::Act;
use tokio::io::AsyncReadExt as _;

use super::super::super::{Outcome, Verdict};
use super::super::{act, of_fleet};
use super::source::{self, Credential};
use crate::failure::Failure;
use crate::session::Session;
use crate::words;

pub(super) const FORMS: &str = "\
FILE and standard input hold the address, never an argument
  postgres  postgres://USER:PASSWORD@HOST/DATABASE
  sqlite    the file's path on the daemon's machine
  http      the address, and the deploy key in the second line; or
            {\"url\": \"https://name.convex.cloud\", \"key\": \"...\"}

With --file: CSV with titles, or JSON Lines (.jsonl), one database a row
  needed    tenant, driver, url
  optional  external_user, key
A file with a mistake is refused as a whole.";

const FORMS_HINT: &str = "`cutover fleet instance add --help` has the forms";

/// Databases of one call.
const ROWS: usize = 200;

/// The most that is read: one credential, and a file of many.
const LONGEST: u64 = 64 * 1024;
const MOST: u64 = 64 * 1024 * 1024;

#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("from").required(true),
    override_usage = "\
cutover fleet instance add TENANT --driver D --from-file FILE|--stdin
       cutover fleet instance add --file FILE"
)]
pub(in crate::cli) struct Args {
    /// The tenant whose database it is
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    tenant: Option<String>,
    /// What the database is
    #[arg(long, required_unless_present = "file", conflicts_with = "file", value_parser = words::driver())]
    driver: Option<DriverKind>,
    /// The user's id outside, for steps over HTTP
    #[arg(long, value_name = "ID", conflicts_with = "file")]
    external_user: Option<String>,
    /// Read the address from this file
    #[arg(long, value_name = "FILE", group = "from")]
    from_file: Option<PathBuf>,
    /// Read the address from standard input
    #[arg(long, group = "from")]
    stdin: bool,
    /// Many databases: a file of CSV or JSON Lines, as below
    #[arg(long, value_name = "FILE", group = "from")]
    file: Option<PathBuf>,
}

pub(super) async fn run(args: Args, session: &mut Session<'_>) -> Verdict {
    if let Some(file) = &args.file {
        return many(file, session).await;
    }
    let (Some(tenant), Some(driver)) = (args.tenant, args.driver) else {
        return Err(Failure::usage(
            "no tenant or no driver was given",
            "`cutover fleet instance add --help`",
        ));
    };
    let (text, name) = match &args.from_file {
        Some(path) => (read(path, LONGEST)?, path.display().to_string()),
        None => (from_stdin(session).await?, "standard input".to_owned()),
    };
    let Credential { url, key } = source::credential(&text)
        .map_err(|problem| Failure::usage(format!("{name}: {problem}"), FORMS_HINT))?;
    let external_user = args.external_user;
    let row = NewInstance { tenant: TenantId(tenant), external_user, driver, url, key };
    checked(&row).map_err(|problem| Failure::usage(format!("{name}: {problem}"), FORMS_HINT))?;
    let rows = vec![row];
    let receipt = act(session, FleetAct::Add { rows }).await?;
    let FleetReceipt::Added { added, replaced } = receipt else {
        return Err(Failure::unexpected("fleet instance add"));
    };
    told(added, replaced, session)
}

async fn many(file: &Path, session: &mut Session<'_>) -> Verdict {
    let text = read(file, MOST)?;
    let is_lines = file.extension().is_some_and(|ending| ending == "jsonl" || ending == "ndjson");
    let rows = if is_lines { source::jsonl(&text) } else { source::csv(&text) };
    let rows = rows.map_err(|mistakes| Failure::Upload {
        file: file.display().to_string(),
        bad: mistakes.bad,
        bad_count: mistakes.count,
        hint: "mend these rows and hand the file in again",
    })?;
    let (mut added, mut replaced) = (0, 0);
    for (n, part) in rows.chunks(ROWS).enumerate() {
        let add = Act::Fleet(FleetAct::Add { rows: part.to_vec() });
        let receipt = session.step(&format!("part-{n}"), add).await;
        let receipt = receipt.map_err(|failure| halfway(failure, (n * ROWS).min(rows.len()), rows.len()))?;
        let FleetReceipt::Added { added: new, replaced: old } = of_fleet(receipt)? else {
            return Err(Failure::unexpected("fleet instance add"));
        };
        added += new;
        replaced += old;
    }
    told(added, replaced, session)
}

/// A part was refused, after others were taken.
fn halfway(failure: Failure, done: usize, all: usize) -> Failure {
    match failure {
        Failure::Told(mut error) if done > 0 => {
            error.hint = format!(
                "{done} of {all} were taken before, and none after; mend it and hand the whole file in again: a row that was taken is replaced"
            );
            Failure::Told(error)
        }
        other => other,
    }
}

fn told(added: u64, replaced: u64, session: &mut Session<'_>) -> Verdict {
    let receipt = FleetReceipt::Added { added, replaced };
    session.out.answer(&receipt, |_| {
        crate::plain::fleet::receipt(&receipt)
            + "\nnext: cutover fleet instance test TENANT, or the next plan asks them\n"
    })?;
    Ok(Outcome::Done)
}

fn read(path: &Path, most: u64) -> Result<String, Failure> {
    use std::io::Read as _;
    let told = |what: &dyn std::fmt::Display| {
        Failure::usage(format!("can't read {}: {what}", path.display()), "name a file that can be read")
    };
    let file = std::fs::File::open(path).map_err(|error| told(&error))?;
    let mut text = String::new();
    let bytes = file.take(most + 1).read_to_string(&mut text).map_err(|error| told(&error))?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes <= most) {
        Ok(text)
    } else {
        Err(told(&"it is too large"))
    }
}

async fn from_stdin(session: &mut Session<'_>) -> Result<String, Failure> {
    let told = |what: &dyn std::fmt::Display| {
        Failure::usage(format!("can't read standard input: {what}"), "pipe the address into the call")
    };
    let mut text = String::new();
    if let Some(stdin) = session.stdin.take() {
        let bytes = stdin.take(LONGEST + 1).read_to_string(&mut text).await.map_err(|error| told(&error))?;
        if !u64::try_from(bytes).is_ok_and(|bytes| bytes <= LONGEST) {
            return Err(told(&"it is too long"));
        }
    }
    Ok(text)
}
