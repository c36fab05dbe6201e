//! Help, completions, manual pages and the document agree with the grammar.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panic")]

mod support;

use cutover_shared::mapping::{MappingStatus, Reason};
use cutover_shared::run::{ItemState, RunState};
use cutover_shared::webhook::DeliveryState;
use cutover_tui::state::Screen;
use support::Daemon;

/// Every verb as its words, `map apply` as `["map", "apply"]`; verbs without verbs below them only.
fn verbs() -> Vec<Vec<String>> {
    fn below(command: &clap::Command, path: &[String], all: &mut Vec<Vec<String>>) {
        let mut leaf = true;
        for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
            leaf = false;
            below(verb, &[path, &[verb.get_name().to_owned()]].concat(), all);
        }
        if leaf {
            all.push(path.to_owned());
        }
    }
    let mut all = Vec::new();
    below(&cutover_tui::grammar(), &[], &mut all);
    all
}

#[test]
fn the_grammar_is_sound() {
    cutover_tui::grammar().debug_assert();
}

#[tokio::test]
async fn help_of_every_verb() {
    let daemon = Daemon::absent();
    let ran = daemon.run(&["--help"]).await;
    assert_eq!(ran.code, 0);
    insta::assert_snapshot!("help", ran.out);
    let globals = ran.out.split("Global options:").nth(1).unwrap().split("\n\n").next().unwrap().to_owned();
    assert!(verbs().len() > 25, "{:?}", verbs());
    for verb in verbs() {
        let args: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
        let ran = daemon.run(&args).await;
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{verb:?}");
        for line in ran.out.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(ran.out.contains(globals.trim_end()), "{verb:?} has the global options");
        // They are the same everywhere, and told once.
        let own = ran.out.replace(globals.trim_end(), " (as above)");
        insta::assert_snapshot!(format!("help_{}", verb.join("_").replace('-', "_")), own);
    }
}

#[tokio::test]
async fn without_a_verb_and_a_terminal_the_way_on_is_told() {
    let ran = Daemon::absent().run(&[]).await;
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("no terminal for the console") && ran.err.contains("--plain"), "{ran:?}");
}

/// Help, completions and mistakes take the words of screens from the same table as the tabs.
#[tokio::test]
async fn every_screen_with_a_tab_can_be_the_first() {
    let without_tab: Vec<_> = Screen::ALL.iter().filter(|screen| !Screen::TABS.contains(screen)).collect();
    assert_eq!(without_tab, [&Screen::Run]);
    let daemon = Daemon::absent();
    let help = daemon.run(&["--help"]).await.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let all: Vec<&str> = Screen::TABS.iter().map(|screen| screen.word()).collect();
    let all = all.join(", ");
    assert!(help.contains(&format!("The first screen [possible values: {all}]")), "{help}");
    for screen in Screen::TABS {
        assert_eq!(screen.word(), screen.title().to_lowercase());
        for word in [screen.word(), screen.title()] {
            let ran = daemon.run(&["--screen", word]).await;
            assert!(ran.err.contains("no terminal for the console"), "{word}: {}", ran.err);
        }
    }
    let ran = daemon.run(&["--screen", "rolouts"]).await;
    assert_eq!(ran.code, 2);
    let said = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&all) && said.contains("'rollouts'"), "{}", ran.err);
}

#[tokio::test]
async fn completions_and_manual_pages_need_no_daemon() {
    let daemon = Daemon::absent();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = daemon.run(&["completions", shell]).await;
        assert!(ran.code == 0 && ran.out.contains("spot-check"), "{shell}");
    }
    let ran = daemon.run(&["man"]).await;
    assert!(ran.code == 0 && ran.out.contains(".TH cutover"), "{ran:?}");
    let folder = daemon.folder.path().join("man");
    let ran = daemon.run(&["man", "--out", folder.to_str().unwrap()]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(folder.join("cutover-map-apply.1").exists());
}

const DOCUMENT: &str = include_str!("../../docs/operations.md");

#[test]
fn the_document_tells_of_every_verb_and_word() {
    for verb in verbs() {
        let verb = verb.join(" ");
        assert!(DOCUMENT.contains(&format!("`{verb}")), "docs/operations.md lacks `{verb}`");
    }
    let reasons = Reason::ALL.iter().map(|word| word.word());
    let statuses = MappingStatus::ALL.iter().map(|word| word.word());
    let runs = RunState::ALL.iter().map(|word| word.word());
    let items = ItemState::ALL.iter().map(|word| word.word());
    let deliveries = DeliveryState::ALL.iter().map(|word| word.word());
    for word in reasons.chain(statuses).chain(runs).chain(items).chain(deliveries) {
        let row = format!("| `{word}` |");
        assert!(DOCUMENT.contains(&row), "docs/operations.md lacks a row `{word}`");
    }
    for code in 0..=6 {
        assert!(DOCUMENT.contains(&format!("| {code} |")), "docs/operations.md lacks exit code {code}");
    }
}

/// The arguments as a shell sees them, up to a pipe, a redirection or a comment.
fn arguments(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('|' | '<' | '>' | '#', None) => break,
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Each `cutover ...` line in a console block of the document is understood.
#[test]
fn the_commands_in_the_document_are_understood() {
    let mut checked = 0;
    for line in DOCUMENT.lines().filter_map(|line| line.strip_prefix("$ cutover ")) {
        let args = std::iter::once("cutover".to_owned()).chain(arguments(line));
        if let Err(error) = cutover_tui::grammar().try_get_matches_from(args) {
            panic!("`cutover {line}`: {error}");
        }
        checked += 1;
    }
    assert!(checked >= 15, "only {checked} commands");
}
