//! What the documents say can be done can be done: commands parse, links lead somewhere, lists are whole.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use cutover_shared::filter;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Every document, from the root; what is built or fetched is none.
fn documents() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["", "docs", "docs/adr", "runbooks", "migrations"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ext| ext == "md") {
                found.push((
                    path.strip_prefix(root()).unwrap().to_owned(),
                    fs::read_to_string(&path).unwrap(),
                ));
            }
        }
    }
    found.sort();
    found
}

/// The lines of each fenced block.
fn blocks(text: &str) -> Vec<Vec<&str>> {
    let mut blocks = Vec::new();
    let mut open: Option<Vec<&str>> = None;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            match open.take() {
                Some(block) => blocks.push(block),
                None => open = Some(Vec::new()),
            }
        } else if let Some(block) = &mut open {
            block.push(line);
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

/// Commands of the block: what follows `$ `, or every line when no line has one.
fn commands(block: &[&str]) -> Vec<String> {
    let prompted = block.iter().any(|line| line.starts_with("$ "));
    let mut commands = Vec::new();
    let mut lines = block.iter();
    while let Some(line) = lines.next() {
        let begun = if prompted { line.strip_prefix("$ ") } else { Some(*line) };
        let Some(mut command) = begun.map(str::to_owned) else { continue };
        while let Some(begin) = command.strip_suffix('\\') {
            command = format!("{begin} {}", lines.next().unwrap());
        }
        commands.push(command);
    }
    commands
}

/// Splits as a shell does, as far as documents go: quotes, `#`, pipes, redirections, `&&`; `$(...)` is a command of its own,
/// and stands in its place as a digest.
fn calls(command: &str) -> Vec<Vec<String>> {
    let mut command = command.to_owned();
    let mut calls = Vec::new();
    while let Some(at) = command.find("$(") {
        let end = at + command[at..].find(')').unwrap();
        calls.extend(self::calls(&command[at + 2..end]));
        command.replace_range(at..=end, &"0".repeat(64));
    }
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            // What is read from or written to follows as a word of its own.
            ('>' | '<', None) => {
                words.extend(word.take());
                while chars.peek().is_some_and(|c| *c == ' ') {
                    chars.next();
                }
                while chars.peek().is_some_and(|c| *c != ' ') {
                    chars.next();
                }
            }
            ('|' | '&' | ';', None) => {
                words.extend(word.take());
                calls.push(std::mem::take(&mut words));
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    calls.push(words);
    // `NAME=value` before a program.
    for call in &mut calls {
        while call.first().is_some_and(|word| word.contains('=')) {
            call.remove(0);
        }
    }
    calls.retain(|call| !call.is_empty());
    calls
}

#[test]
fn every_command_is_understood() {
    let (mut cutover, mut cutoverd) = (0, 0);
    for (place, text) in documents() {
        for call in blocks(&text).iter().flat_map(|block| commands(block)).flat_map(|command| calls(&command))
        {
            let parsed = match call[0].as_str() {
                "cutover" => {
                    cutover += 1;
                    cutover_tui::grammar().try_get_matches_from(&call)
                }
                "cutoverd" => {
                    cutoverd += 1;
                    cutover_daemon::app::grammar().try_get_matches_from(&call)
                }
                _ => continue,
            };
            if let Err(error) = parsed {
                panic!("{}: `{}`: {error}", place.display(), call.join(" "));
            }
        }
    }
    assert!(cutover > 60 && cutoverd > 5, "only {cutover} and {cutoverd} commands");
}

#[test]
fn the_grammars_are_sound() {
    cutover_daemon::app::grammar().debug_assert();
    cutover_tui::grammar().debug_assert();
}

/// The programs that documents start through cargo, and the flags of the stand-in.
#[test]
fn programs_exist() {
    let manifest = fs::read_to_string(root().join("tests/Cargo.toml")).unwrap();
    let sim = fs::read_to_string(root().join("tests/src/bin/github-sim.rs")).unwrap();
    let mut seen = 0;
    for (place, text) in documents() {
        for call in blocks(&text).iter().flat_map(|block| commands(block)).flat_map(|command| calls(&command))
        {
            if call[0] == "tests/run" || call[0] == ".ci/run" {
                assert!(root().join(&call[0]).exists());
            }
            let Some(at) = call.iter().position(|word| word == "--bin") else { continue };
            let program = &call[at + 1];
            seen += 1;
            assert!(manifest.contains(&format!("name = \"{program}\"")), "{}: {program}", place.display());
            if program == "github-sim" {
                for flag in
                    call[at + 2..].iter().filter_map(|word| word.strip_prefix("--")).filter(|f| !f.is_empty())
                {
                    let field = format!("    {flag}: ");
                    assert!(sim.contains(&field), "{}: github-sim has no --{flag}", place.display());
                }
            }
        }
    }
    assert!(seen >= 2);
}

/// `[text](target)` outside of fences, without what leaves the repository.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut links = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for piece in line.split("](").skip(1) {
            let target = piece.split(')').next().unwrap();
            if !target.contains("://") {
                links.push(target.to_owned());
            }
        }
    }
    links
}

/// GitHub's name for a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    let mut checked = 0;
    for (place, text) in documents() {
        for link in links(&text) {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => root().join(&place),
                file => root().join(place.parent().unwrap()).join(file),
            };
            assert!(target.exists(), "{}: {link} leads nowhere", place.display());
            if !heading.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let there = text
                    .lines()
                    .filter(|l| l.starts_with('#'))
                    .any(|l| anchor(l.trim_start_matches('#')) == heading);
                assert!(there, "{}: {link} has no such heading", place.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 30, "only {checked} links");
}

#[test]
fn decisions_and_runbooks_are_listed() {
    for folder in ["docs/adr", "runbooks"] {
        let index = fs::read_to_string(root().join(folder).join("README.md")).unwrap();
        let mut numbers = Vec::new();
        for (place, text) in documents().iter().filter(|(place, _)| place.parent() == Some(Path::new(folder)))
        {
            let name = place.file_name().unwrap().to_str().unwrap();
            if name == "README.md" {
                continue;
            }
            assert!(index.contains(&format!("({name})")), "{folder}/README.md does not list {name}");
            if folder == "runbooks" {
                let head = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")).unwrap().0;
                for key in ["alert: ", "rollback: "] {
                    assert!(head.lines().any(|line| line.starts_with(key)), "{name} has no `{key}`");
                }
            } else {
                assert!(text.contains("\nStatus: "), "{name} has no status");
                numbers.push(name[..4].to_owned());
            }
        }
        numbers.dedup();
        let expected: Vec<String> = (1..=numbers.len()).map(|n| format!("{n:04}")).collect();
        assert_eq!(numbers, expected, "numbers of decisions have no gap");
    }
}

#[test]
fn the_changelog_has_what_comes_next() {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let first = changelog.lines().find(|line| line.starts_with("## ")).unwrap();
    assert_eq!(first, "## [Unreleased]");
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(root().join(licence).exists());
    }
}

#[test]
fn the_shell_is_read_as_it_is_meant() {
    let all = |text: &str| calls(text).iter().map(|call| call.join("|")).collect::<Vec<_>>();
    assert_eq!(all("A=b cutover kill --reason \"a b\" # why"), ["cutover|kill|--reason|a b"]);
    assert_eq!(all("cutover run list > out.txt && cutoverd check"), ["cutover|run|list", "cutoverd|check"]);
    let digest = "0".repeat(64);
    assert_eq!(
        all("cutover x \"$(cutover y | jq z)\""),
        ["cutover|y", "jq|z", &format!("cutover|x|{digest}")]
    );
}

/// The table of fields is that of the lists, in their order, names marked.
#[test]
fn the_fields_of_filters_are_written_down() {
    let text = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    for (list, fields) in [
        ("catalog list", filter::LINKS),
        ("tenant list", filter::TENANTS),
        ("run list", filter::RUNS),
        ("run items", filter::ITEMS),
        ("token list", filter::TOKENS),
        ("webhook list", filter::DELIVERIES),
        ("workflow list", filter::WORKFLOWS),
        ("workflow dispatches", filter::DISPATCHES),
        ("fleet instance list", filter::INSTANCES),
        ("audit list", filter::AUDIT),
    ] {
        let star = |field: &filter::Field| if field.is_name { "*" } else { "" };
        let names: Vec<String> =
            fields.all.iter().map(|field| format!("`{}`{}", field.name, star(field))).collect();
        let row = format!("| `{list}` | {} |", names.join(", "));
        assert!(text.contains(&row), "operations.md has no row {row}");
    }
}
