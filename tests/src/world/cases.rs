//! Each way in which a project's repository can stand today, how often, and what the right verdict on it is.
//!
//! The verdicts follow from how the row is made. Ways on which the ladder says nothing, or two things, are not made.

use cutover_daemon::clock::Millis;

use super::generate::{DAY, Draft};
use super::rng::Rng;
use super::row::{BY_NAME, BY_TOKEN, Commit, Evidence, Row, STORED, Token, with_commit};
use super::{CatalogRow, Status, WorldError};

macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident: $share:literal;)*) => {
        /// How a row was made.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Case {
            /// Stored id, listed by its owner's installation on all repositories: the rest of the rows.
            Plain,
            $($(#[$doc])* $name,)*
        }

        impl Case {
            /// Every case.
            pub const ALL: &'static [Self] = &[Self::Plain, $(Self::$name,)*];
        }

        /// Rows in a thousand.
        const SHARES: &[(Case, usize)] = &[$((Case::$name, $share),)*];
    };
}

cases! {
    /// Stored id; the name is now another's in the same account.
    RenamedNameReused: 5;
    /// Stored id, renamed.
    Renamed: 25;
    /// No id; the living token reads the name.
    TokenReads: 40;
    /// Stored id, gone to an account without installation; the living token is redirected.
    MovedAway: 15;
    /// No id, dead token; the stored commit is in the repository of that name.
    KnownCommit: 40;
    /// No id, dead token, no commit; the repository is older than the import.
    NoShaOlder: 25;
    /// No id, dead token, no commit; the repository of that name is younger than the import.
    NameReused: 10;
    /// The owner's installation is on selected repositories, and this is none of them.
    NotGranted: 25;
    /// The owner's installation is suspended.
    Suspended: 20;
    /// The owner has no installation.
    NotInstalled: 40;
    /// Deleted: the living token gets 404, and the owner's installation on all repositories doesn't list it.
    Deleted: 15;
    /// Dead token, no owner id, a login that no installation has.
    OwnerUnknown: 15;
    /// Somebody asked for the installation, nobody approved.
    Requested: 12;
    /// Stored id, given to another account with an installation on all repositories.
    Transferred: 15;
    /// Stored id of a deleted repository; the name is a younger repository's.
    StoredIdNameReused: 7;
    /// A fork without installation whose parent is in one: never the parent.
    ForkNotInstalled: 8;
    /// A fork in an installation, its parent in another.
    ForkListed: 10;
    /// Stored id, granted to an installation on selected repositories.
    Granted: 30;
    /// Stored id; the owner's login has changed.
    OwnerRenamed: 5;
    /// No id; the living token is redirected from the old name.
    TokenRedirected: 8;
    /// As `KnownCommit`, the name in other letters' case.
    KnownCommitOtherCase: 10;
    /// As `NoShaOlder`, with a stored commit that the repository doesn't have.
    UnknownCommit: 8;
    /// As `NotGranted`, without any id and with a dead token.
    NotGrantedByName: 8;
    /// As `NotGranted`, known through the living token only.
    NotGrantedByToken: 8;
    /// As `Suspended`, without any id and with a dead token.
    SuspendedByName: 8;
    /// As `NotInstalled`, the owner known through the living token only.
    NotInstalledByToken: 10;
    /// Another project's repository once more.
    Shared: 10;
}

/// One case for each row, in no order; each special case at least once where there are rows enough.
pub(super) fn deal(rows: usize, rng: &mut Rng) -> Vec<Case> {
    let mut out = Vec::with_capacity(rows);
    for (case, share) in SHARES {
        let wanted = (rows * share / 1_000).max(1);
        let room = (rows / 2).saturating_sub(out.len());
        out.extend(std::iter::repeat_n(*case, wanted.min(room)));
    }
    out.resize(rows, Case::Plain);
    rng.shuffle(&mut out);
    out
}

/// Adds one row made as `case`; where the world is too small for the case, a plain one, and none where it is too small for that.
pub(super) fn add(draft: &mut Draft, case: Case) -> Result<(), WorldError> {
    if make(draft, case)? || make(draft, Case::Plain)? {
        return Ok(());
    }
    make(draft, Case::NotInstalled).map(drop)
}

fn make(d: &mut Draft, case: Case) -> Result<bool, WorldError> {
    let pools = &d.pools;
    let pool = match case {
        Case::Granted | Case::NotGranted | Case::NotGrantedByName | Case::NotGrantedByToken => {
            pools.selected.clone()
        }
        Case::Suspended | Case::SuspendedByName => pools.suspended.clone(),
        Case::Requested => pools.requested.clone(),
        Case::NotInstalled | Case::NotInstalledByToken | Case::ForkNotInstalled => pools.without.clone(),
        Case::OwnerRenamed => pools.renamed.clone(),
        _ => pools.all.clone(),
    };
    let Some(owner) = d.account(&pool) else {
        return Ok(false);
    };
    match case {
        Case::Shared => return share(d),
        Case::ForkListed | Case::ForkNotInstalled => return fork(d, case, owner),
        Case::MovedAway | Case::Transferred => return transfer(d, case, owner),
        Case::OwnerUnknown => return owner_unknown(d, owner),
        _ => {}
    }
    let id = d.repo(owner)?;
    let mut row = Row::of(d, id);
    match case {
        Case::Renamed | Case::RenamedNameReused => {
            row.keep(d, &STORED);
            let old = row.name.clone();
            rename(d, id, row.imported_at)?;
            if case == Case::RenamedNameReused {
                d.repo_at(owner, old, row.imported_at + 40 * DAY)?;
            }
            row.mapped(d, case, 2);
        }
        Case::OwnerRenamed => {
            row.keep(d, &STORED);
            row.mapped(d, case, 2);
        }
        Case::TokenReads => {
            row.keep(d, &BY_TOKEN);
            row.mapped(d, case, 3);
        }
        Case::TokenRedirected => {
            row.keep(d, &BY_TOKEN);
            rename(d, id, row.imported_at)?;
            row.mapped(d, case, 3);
        }
        Case::KnownCommit | Case::KnownCommitOtherCase => {
            row.keep(d, &with_commit(BY_NAME, Commit::Known));
            if case == Case::KnownCommitOtherCase {
                row.row.repo_full_name = row.row.repo_full_name.to_uppercase();
            }
            row.mapped(d, case, 5);
        }
        Case::NoShaOlder => {
            row.keep(d, &with_commit(BY_NAME, Commit::None));
            row.done(d, case, 6, Status::Pending, Some(id));
        }
        Case::UnknownCommit => {
            row.keep(d, &with_commit(BY_NAME, Commit::Foreign));
            row.done(d, case, 7, Status::Pending, Some(id));
        }
        Case::NameReused | Case::StoredIdNameReused => {
            let evidence = if case == Case::NameReused { BY_NAME } else { STORED };
            row.keep(d, &with_commit(evidence, Commit::None));
            d.world.delete_repo(id)?;
            d.repo_at(owner, row.name.clone(), row.imported_at + 40 * DAY)?;
            row.done(d, case, 7, Status::Pending, None);
        }
        Case::NotGranted | Case::NotGrantedByName | Case::NotGrantedByToken => {
            row.keep(
                d,
                match case {
                    Case::NotGranted => &STORED,
                    Case::NotGrantedByName => &BY_NAME,
                    _ => &BY_TOKEN,
                },
            );
            row.done(d, case, 8, Status::Pending, Some(id));
        }
        Case::Suspended | Case::Requested => {
            row.keep(d, &STORED);
            row.done(d, case, 9, Status::Pending, Some(id));
        }
        Case::SuspendedByName => {
            row.keep(d, &BY_NAME);
            row.done(d, case, 9, Status::Pending, Some(id));
        }
        Case::NotInstalled | Case::NotInstalledByToken => {
            let stored = case == Case::NotInstalled;
            row.keep(d, if stored { &STORED } else { &BY_TOKEN });
            row.done(d, case, 10, Status::Pending, Some(id));
        }
        Case::Deleted => {
            let id_kept = d.rng.permille(500);
            row.keep(d, &Evidence { id: id_kept, owner: id_kept, ..BY_TOKEN });
            d.world.delete_repo(id)?;
            row.done(d, case, 11, Status::Unmappable, None);
        }
        Case::Granted
        | Case::Plain
        | Case::Shared
        | Case::ForkListed
        | Case::ForkNotInstalled
        | Case::MovedAway
        | Case::Transferred
        | Case::OwnerUnknown => {
            if let Some(on) = d.world.installation_on(owner).map(|found| found.id)
                && case == Case::Granted
            {
                d.world.grant(on, id)?;
            }
            row.keep(d, &STORED);
            row.mapped(d, case, 1);
        }
    }
    Ok(true)
}

fn rename(d: &mut Draft, id: i64, imported_at: Millis) -> Result<(), WorldError> {
    let name = d.repo_name();
    d.world.rename_repo(id, &name, imported_at + 20 * DAY)
}

/// One more project on the repository of a plain row.
fn share(d: &mut Draft) -> Result<bool, WorldError> {
    let at = d.rng.below(d.catalog.rows.len());
    let plain = d.catalog.cases.iter().skip(at).position(|case| *case == Case::Plain);
    let Some(id) = plain.and_then(|found| d.catalog.truths[at + found].repo_id) else {
        return Ok(false);
    };
    let mut row = Row::of(d, id);
    row.keep(d, &STORED);
    row.mapped(d, Case::Shared, 1);
    Ok(true)
}

fn fork(d: &mut Draft, case: Case, owner: i64) -> Result<bool, WorldError> {
    let all = d.pools.all.clone();
    let Some(upstream) = d.account(&all).filter(|found| *found != owner) else {
        return Ok(false);
    };
    let parent = d.repo(upstream)?;
    let Some(made) = d.world.repo(parent).map(|repo| repo.created_at) else {
        return Ok(false);
    };
    let id = d.world.fork(parent, owner, made + DAY)?;
    let mut row = Row::of(d, id);
    row.keep(d, &STORED);
    if case == Case::ForkListed {
        row.mapped(d, case, 1);
    } else {
        row.done(d, case, 10, Status::Pending, Some(id));
    }
    Ok(true)
}

fn transfer(d: &mut Draft, case: Case, owner: i64) -> Result<bool, WorldError> {
    let away = case == Case::MovedAway;
    let pool = if away { d.pools.without.clone() } else { d.pools.all.clone() };
    let Some(to) = d.account(&pool).filter(|found| *found != owner) else {
        return Ok(false);
    };
    let id = d.repo(owner)?;
    let mut row = Row::of(d, id);
    if away {
        row.keep(d, &Evidence { token: Token::Live, ..STORED });
        d.world.add_collaborator(id, row.person)?;
    } else {
        row.keep(d, &STORED);
    }
    d.world.transfer_repo(id, to, row.imported_at + 20 * DAY)?;
    if away {
        row.done(d, case, 4, Status::Pending, Some(id));
    } else {
        row.mapped(d, case, 2);
    }
    Ok(true)
}

fn owner_unknown(d: &mut Draft, near: i64) -> Result<bool, WorldError> {
    // The owner's account is gone with all it had; only the application remembers the names.
    let full_name = format!("{}/{}", d.login(), d.repo_name());
    let mut row =
        Row { row: CatalogRow { repo_full_name: full_name, ..CatalogRow::default() }, ..Row::blank(d, near) };
    row.keep(d, &with_commit(BY_NAME, Commit::None));
    row.done(d, Case::OwnerUnknown, 11, Status::Unmappable, None);
    Ok(true)
}
