//! `docs/console.md` lists the keys out of the table that the console itself uses.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on has failed")]

use cutover_tui::keymap::{TABLE, Tier, When};

const BEGIN: &str = "-- --ignored` -->\n";
const END: &str = "<!-- end of keys -->";

fn path() -> String {
    format!("{}/../docs/console.md", env!("CARGO_MANIFEST_DIR"))
}

fn table() -> String {
    let mut text = String::from("\n| key | name | where | tier | what | verb |\n|---|---|---|---|---|---|\n");
    for row in TABLE {
        let keys: Vec<String> = row.keys.iter().map(|key| format!("`{key}`")).collect();
        let place = match row.when {
            When::Anywhere => "anywhere".to_owned(),
            When::InLists => "lists".to_owned(),
            When::On(nouns) => nouns.iter().map(|noun| noun.word()).collect::<Vec<_>>().join(", "),
            When::At(screens) => screens.iter().map(|screen| screen.title()).collect::<Vec<_>>().join(", "),
            When::InTour => "guided tour".to_owned(),
        };
        let tier = match row.tier {
            Tier::Look => "0",
            Tier::Reversible => "1",
            Tier::Live => "2",
            Tier::Fleet => "3",
        };
        let verb = if row.verb.is_empty() { String::new() } else { format!("`cutover {}`", row.verb) };
        text +=
            &format!("| {} | {} | {place} | {tier} | {} | {verb} |\n", keys.join(" "), row.name, row.about);
    }
    text + "\n"
}

fn parts(text: &str) -> (&str, &str, &str) {
    let begin = text.find(BEGIN).unwrap() + BEGIN.len();
    let end = text.find(END).unwrap();
    (&text[..begin], &text[begin..end], &text[end..])
}

#[test]
fn the_document_lists_every_key() {
    let text = std::fs::read_to_string(path()).unwrap();
    assert_eq!(parts(&text).1, table(), "run: cargo test -p cutover-tui write_the_keys -- --ignored");
}

#[test]
#[ignore = "writes the document"]
fn write_the_keys() {
    let text = std::fs::read_to_string(path()).unwrap();
    let (before, _, after) = parts(&text);
    std::fs::write(path(), format!("{before}{}{after}", table())).unwrap();
}
