//! Commands as a shell and the command line understand them.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// The words of a command as a POSIX shell splits them: single quotes, and a backslash outside of them.
pub(super) fn words(command: &str) -> Vec<String> {
    let (mut all, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => (quoted, any) = (!quoted, true),
            '\\' if !quoted => word.extend(chars.next()),
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    all.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    assert!(!quoted, "an open quote: {command}");
    if any || !word.is_empty() {
        all.push(word);
    }
    all
}

thread_local! {
    static PARSED: RefCell<BTreeMap<String, Vec<String>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Each command of a twin is one of the command line's; answers their verbs.
pub(super) fn parses(twin: &str) -> Vec<String> {
    let known = PARSED.with_borrow(|parsed| parsed.get(twin).cloned());
    known.unwrap_or_else(|| {
        let verbs = parse(twin);
        PARSED.with_borrow_mut(|parsed| parsed.insert(twin.to_owned(), verbs.clone()));
        verbs
    })
}

fn parse(twin: &str) -> Vec<String> {
    let mut verbs = Vec::new();
    let all = words(twin);
    for command in all.split(|word| word == "&&") {
        let matches = crate::grammar().try_get_matches_from(command);
        let matches = matches.unwrap_or_else(|error| panic!("{twin}: {error}"));
        let mut path = Vec::new();
        let mut below = matches.subcommand();
        while let Some((name, matches)) = below {
            path.push(name.to_owned());
            below = matches.subcommand();
        }
        verbs.push(path.join(" "));
    }
    verbs
}
