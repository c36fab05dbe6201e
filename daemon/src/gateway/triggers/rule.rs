//! A rule, understood, and what it says to an event. Matching and explaining ask the same questions in the same code. Pure.

use cutover_shared::workflow::{ExplainStep, Explanation, Rule};

use super::event::{Event, Paths};
use super::glob::{Globs, Matchers, Shape, is_glob};

/// Bytes of an id, a name, and of words in lists.
const LONGEST_ID: usize = 128;
const LONGEST_NAME: usize = 200;
const MOST_WORDS: usize = 100;

/// What is listed of what was found, and letters of each.
const SHOWN: usize = 5;
const LETTERS: usize = 100;

/// What is wrong with a rule, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct RuleError {
    /// `trigger.branches[1]`.
    pub place: String,
    pub what: String,
}

/// Understands rules, and shares between them what they have in common.
#[derive(Debug, Default)]
pub struct Compiler(Matchers);

/// A workflow's rule, understood.
#[derive(Clone, Debug)]
pub struct Trigger {
    pub id: String,
    pub name: String,
    rule: Rule,
    repository: Globs,
    branches: Globs,
    paths: Globs,
    authors: Globs,
}

/// The questions, in their order. The files of a pull request are last in cost: see [`Trigger::wants_files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Event,
    Repository,
    Installation,
    Branches,
    Paths,
    Action,
    Author,
    Label,
    Bots,
}

const QUESTIONS: [Question; 9] = [
    Question::Event,
    Question::Repository,
    Question::Installation,
    Question::Branches,
    Question::Paths,
    Question::Action,
    Question::Author,
    Question::Label,
    Question::Bots,
];

/// Whether this can be a workflow's id: it stands in addresses and in headers.
///
/// # Errors
/// It can't.
pub fn check_id(id: &str) -> Result<(), RuleError> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    if (1..=LONGEST_ID).contains(&id.len())
        && id.bytes().all(fits)
        && id.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
    {
        return Ok(());
    }
    Err(wrong(
        "id",
        format!("1 to {LONGEST_ID} letters, digits, `-`, `_`, `.` and `:`, a letter or digit first"),
    ))
}

impl Compiler {
    /// Understands a workflow's rule.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn trigger(&mut self, id: &str, name: &str, rule: Rule) -> Result<Trigger, RuleError> {
        check_id(id)?;
        if name.trim().is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(wrong("name", format!("1 to {LONGEST_NAME} bytes on one line")));
        }
        words("events", &rule.events)?;
        if rule.events.is_empty() {
            return Err(wrong("trigger.events", "at least one event is needed, such as \"push\""));
        }
        let is_event =
            |name: &String| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if let Some(at) = rule.events.iter().position(|name| !is_event(name)) {
            let what = "an event's name has lower-case letters and `_`, as in \"pull_request\"";
            return Err(wrong(&format!("trigger.events[{at}]"), what));
        }
        words("action_filter", &rule.action_filter)?;
        words("label_filter", &rule.label_filter)?;
        let mut globs = |list: &str, shape, patterns: &[String]| {
            Globs::new(shape, patterns, &mut self.0)
                .map_err(|(at, what)| wrong(&format!("trigger.{list}[{at}]"), what))
        };
        Ok(Trigger {
            id: id.to_owned(),
            name: name.to_owned(),
            branches: globs("branches", Shape::Path, &rule.branches)?,
            paths: globs("paths", Shape::Path, &rule.paths)?,
            authors: globs("author_filter", Shape::Login, &rule.author_filter)?,
            repository: {
                let what = |what: String| wrong("trigger.repository", what);
                repository(&rule.repository).map_err(what)?;
                let all = std::slice::from_ref(&rule.repository);
                Globs::new(Shape::Repository, all, &mut self.0).map_err(|(_, text)| what(text))?
            },
            rule,
        })
    }
}

fn repository(name: &str) -> Result<(), String> {
    let parts: Vec<&str> = name.split('/').collect();
    let is_named = parts.len() == 2 && parts.iter().all(|part| !part.is_empty());
    if name.starts_with('!') || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("expected `owner/name` or a glob".to_owned());
    }
    if is_named || matches!(name, "*" | "**") || (is_glob(name) && name.contains("**")) {
        return Ok(());
    }
    Err("expected `owner/name` or a glob such as `owner/*`; `**` is every repository".to_owned())
}

fn words(list: &str, words: &[String]) -> Result<(), RuleError> {
    if words.len() > MOST_WORDS {
        return Err(wrong(&format!("trigger.{list}"), format!("more than {MOST_WORDS} entries")));
    }
    match words.iter().position(|word| word.trim().is_empty() || word.len() > LONGEST_NAME) {
        Some(at) => Err(wrong(&format!("trigger.{list}[{at}]"), format!("1 to {LONGEST_NAME} bytes"))),
        None => Ok(()),
    }
}

fn wrong(place: &str, what: impl Into<String>) -> RuleError {
    RuleError { place: place.to_owned(), what: what.into() }
}

impl Trigger {
    /// The rule as it was written.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Whether the workflow is to run for this event.
    pub fn matches(&self, event: &Event) -> bool {
        QUESTIONS.iter().all(|question| self.passes(*question, event))
    }

    /// Whether only the pull request's files can tell: every other question is passed.
    pub fn wants_files(&self, event: &Event) -> bool {
        event.paths == Paths::AtGitHub
            && !self.paths.is_empty()
            && QUESTIONS.iter().all(|question| *question == Question::Paths || self.passes(*question, event))
    }

    /// Every question with its answer.
    pub fn explain(&self, event: &Event) -> Explanation {
        let step = |question: &Question| ExplainStep {
            rule: question.name().to_owned(),
            passed: self.passes(*question, event),
            wanted: self.wanted(*question),
            found: found(*question, event),
        };
        let steps: Vec<ExplainStep> = QUESTIONS.iter().map(step).collect();
        let matched = steps.iter().all(|step| step.passed);
        Explanation { workflow: self.id.clone(), name: self.name.clone(), matched, steps }
    }

    fn passes(&self, question: Question, event: &Event) -> bool {
        let rule = &self.rule;
        match question {
            Question::Event => rule.events.contains(&event.name),
            Question::Repository => event.repository.as_ref().is_some_and(|name| self.repository.takes(name)),
            Question::Installation => {
                rule.github_app_installation_id.is_none_or(|wanted| event.installation == Some(wanted))
            }
            Question::Branches => {
                self.branches.is_empty() || event.branches.iter().any(|branch| self.branches.takes(branch))
            }
            Question::Paths => {
                self.paths.is_empty()
                    || match &event.paths {
                        Paths::None | Paths::AtGitHub => false,
                        Paths::Known(paths) => paths.iter().any(|path| self.paths.takes(path)),
                        // What can't be seen may be what the workflow waits for: once too often is better than never.
                        Paths::Partly { .. } => true,
                    }
            }
            Question::Action => {
                rule.action_filter.is_empty()
                    || event.action.as_ref().is_some_and(|action| rule.action_filter.contains(action))
            }
            Question::Author => {
                self.authors.is_empty()
                    || event.sender.as_ref().is_some_and(|sender| self.authors.takes(&sender.login))
            }
            Question::Label => {
                let is_there = |wanted: &String| {
                    event.labels.iter().any(|label| label.to_lowercase() == wanted.to_lowercase())
                };
                rule.label_filter.is_empty() || rule.label_filter.iter().any(is_there)
            }
            Question::Bots => !rule.ignore_bots || !event.sender.as_ref().is_some_and(|sender| sender.is_bot),
        }
    }

    fn wanted(&self, question: Question) -> String {
        let rule = &self.rule;
        let list = |list: &[String]| if list.is_empty() { "any".to_owned() } else { listed(list) };
        match question {
            Question::Event => listed(&rule.events),
            Question::Repository => cut(&rule.repository),
            Question::Installation => {
                rule.github_app_installation_id.map_or("any".to_owned(), |id| id.to_string())
            }
            Question::Branches => list(&rule.branches),
            Question::Paths => list(&rule.paths),
            Question::Action => list(&rule.action_filter),
            Question::Author => list(&rule.author_filter),
            Question::Label => list(&rule.label_filter),
            Question::Bots => if rule.ignore_bots { "no bot" } else { "any" }.to_owned(),
        }
    }
}

impl Question {
    fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Repository => "repository",
            Self::Installation => "installation",
            Self::Branches => "branches",
            Self::Paths => "paths",
            Self::Action => "action_filter",
            Self::Author => "author_filter",
            Self::Label => "label_filter",
            Self::Bots => "ignore_bots",
        }
    }
}

fn found(question: Question, event: &Event) -> String {
    let maybe = |text: Option<&String>| text.map_or("none".to_owned(), |text| cut(text));
    let list = |list: &[String]| if list.is_empty() { "none".to_owned() } else { listed(list) };
    match question {
        Question::Event => cut(&event.name),
        Question::Repository => maybe(event.repository.as_ref()),
        Question::Installation => event.installation.map_or("none".to_owned(), |id| id.to_string()),
        Question::Branches => list(&event.branches),
        Question::Paths => match &event.paths {
            Paths::None => "the event is about no files".to_owned(),
            Paths::AtGitHub => "not asked at GitHub: another rule failed".to_owned(),
            Paths::Known(paths) => list(paths),
            Paths::Partly { why, .. } => cut(why),
        },
        Question::Action => maybe(event.action.as_ref()),
        Question::Author => maybe(event.sender.as_ref().map(|sender| &sender.login)),
        Question::Label => list(&event.labels),
        Question::Bots => match &event.sender {
            None => "none".to_owned(),
            Some(sender) if sender.is_bot => format!("{}, a bot", cut(&sender.login)),
            Some(sender) => format!("{}, no bot", cut(&sender.login)),
        },
    }
}

fn listed(list: &[String]) -> String {
    let mut text = list.iter().take(SHOWN).map(|entry| cut(entry)).collect::<Vec<_>>().join(", ");
    if list.len() > SHOWN {
        text += &format!(" and {} more", list.len() - SHOWN);
    }
    text
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LETTERS {
        return text.to_owned();
    }
    text.chars().take(LETTERS - 3).chain("...".chars()).collect()
}
