//! The screen that shows what a command of the command line shows: notices name commands, and Enter goes there.

use super::Screen;

/// The screen and the filter for it, where the command lists or shows something that has a screen of its own and no
/// other way there.
pub fn leads_to(command: &str) -> Option<(Screen, String)> {
    let words = words(command);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ["cutover", noun, verb, rest @ ..] = words.as_slice() else { return None };
    let (screen, key) = match *noun {
        "webhook" => (Screen::Webhooks, "guid"),
        "installation" => (Screen::Installations, "id"),
        "workflow" => (Screen::Workflows, "id"),
        "token" => (Screen::Tokens, "installation"),
        "rollout" => return Some((Screen::Rollouts, String::new())),
        "fleet" => (Screen::Fleet, ""),
        _ => return None,
    };
    if *noun == "fleet" {
        return Some((Screen::Fleet, fleet(verb, rest)));
    }
    let filter = match (*verb, rest) {
        ("show" | "refresh" | "remove", [id, ..]) if !id.starts_with('-') => {
            format!("{key}:{}", super::quoted(id))
        }
        (_, rest) => filter(rest).unwrap_or_default(),
    };
    // A filter of another list, as `workflow dispatches` has one, is none of this list's.
    let fields = screen.list()?.spec().fields;
    let understood = cutover_shared::filter::parse(fields, &filter).is_ok();
    Some((screen, if understood { filter } else { String::new() }))
}

/// The tenant that a command of the fleet is about, or what it filters by.
fn fleet(verb: &str, rest: &[&str]) -> String {
    let named = match (verb, rest) {
        ("instance", ["show" | "test" | "accept", tenant, ..]) if !tenant.starts_with('-') => Some(*tenant),
        ("history", [tenant, ..]) if !tenant.starts_with('-') => Some(*tenant),
        _ => option("--tenant", rest),
    };
    let filter = match named {
        Some(tenant) => format!("tenant:{}", super::quoted(tenant)),
        None => filter(rest).unwrap_or_default(),
    };
    let understood = cutover_shared::filter::parse(&cutover_shared::filter::INSTANCES, &filter).is_ok();
    if understood { filter } else { String::new() }
}

fn option<'w>(name: &str, rest: &[&'w str]) -> Option<&'w str> {
    let at = rest
        .iter()
        .position(|word| *word == name || word.strip_prefix(name).is_some_and(|end| end.starts_with('=')))?;
    let word = rest.get(at)?;
    match word.split_once('=') {
        Some((_, value)) => Some(value),
        None => rest.get(at + 1).copied(),
    }
}

fn filter(rest: &[&str]) -> Option<String> {
    let at = rest.iter().position(|word| *word == "--filter" || word.starts_with("--filter="))?;
    match rest[at].split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => rest.get(at + 1).map(|value| (*value).to_owned()),
    }
}

/// Words as a shell splits them, as far as our own commands need it: blanks and single quotes.
fn words(command: &str) -> Vec<String> {
    let (mut all, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in command.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => all.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_leads_to_the_screen_that_shows_the_same() {
        for (command, screen, filter) in [
            ("cutover webhook list --filter 'state:dead age<1d'", Screen::Webhooks, "state:dead age<1d"),
            ("cutover webhook list --filter=state:dead", Screen::Webhooks, "state:dead"),
            ("cutover webhook recover", Screen::Webhooks, ""),
            ("cutover installation show 4711", Screen::Installations, "id:\"4711\""),
            ("cutover workflow dispatches --filter state:dead", Screen::Workflows, ""),
            ("cutover workflow list --filter 'dead>0'", Screen::Workflows, "dead>0"),
            ("cutover token list", Screen::Tokens, ""),
            ("cutover fleet status", Screen::Fleet, ""),
            ("cutover fleet plan --all", Screen::Fleet, ""),
            ("cutover fleet instance list --filter status:failed", Screen::Fleet, "status:failed"),
            ("cutover fleet instance show acme", Screen::Fleet, "tenant:\"acme\""),
            ("cutover fleet instance test -- -acme", Screen::Fleet, ""),
            ("cutover fleet history 'a b'", Screen::Fleet, "tenant:\"a b\""),
            ("cutover fleet rollback --tenant acme --to 3", Screen::Fleet, "tenant:\"acme\""),
        ] {
            assert_eq!(leads_to(command), Some((screen, filter.to_owned())), "{command}");
        }
        for command in ["cutover status", "cutover run show x", "", "rm -rf", "cutover", "cutover webhook"] {
            assert_eq!(leads_to(command), None, "{command}");
        }
    }
}
