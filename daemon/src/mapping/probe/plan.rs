//! Who is asked what, and when: rounds of questions, each repository of a project in at most one of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use cutover_shared::catalog::Link;
use cutover_shared::ids::LinkKey;

use super::{Answers, CredentialRef, CredentialState, ProbeAnswer, ProbeAsk, wanted};
use crate::mapping::index::IndexView;
use crate::mapping::matching::ladder;

/// After so many questions without an answer, a credential of which nothing is known is left alone until the next
/// plan: else an outage would cost one round for each of its repositories.
const SILENT_LIMIT: u8 = 2;

/// One question of a round, and the repositories of projects whose question it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Questioned {
    pub ask: ProbeAsk,
    /// Sorted.
    pub links: Vec<LinkKey>,
}

/// What the questions of a plan came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeTally {
    /// Answers that came in while the plan was made.
    pub made: u64,
    /// Answers that were there before.
    pub stored: u64,
    /// Repositories of projects that still want a question.
    pub owed: u64,
}

/// The questions of one plan, as a state machine without I/O: `next_round`, ask GitHub, `answer` each, until a round
/// is empty. What is handed out counts as the one question of its links, whether it is answered or not.
#[derive(Debug)]
pub struct ProbePlan<'a> {
    index: &'a IndexView,
    answers: Answers,
    undecided: Vec<&'a Link>,
    spent: HashSet<&'a LinkKey>,
    silent: HashMap<CredentialRef, u8>,
    tally: ProbeTally,
}

impl<'a> ProbePlan<'a> {
    /// A plan for `links`; only those that want a question are kept.
    pub fn new(links: impl IntoIterator<Item = &'a Link>, index: &'a IndexView, answers: Answers) -> Self {
        let undecided = links.into_iter().filter(|link| wanted(link, index, &answers).is_some()).collect();
        let tally = ProbeTally { stored: count(answers.len()), ..ProbeTally::default() };
        Self { index, answers, undecided, spent: HashSet::new(), silent: HashMap::new(), tally }
    }

    /// The next questions, those that help most repositories first, at most `most` of them. Empty: nothing is left
    /// to ask in this plan. Answer them before asking for the next round.
    pub fn next_round(&mut self, most: usize) -> Vec<Questioned> {
        let open = self.undecided.iter().copied().filter(|link| !self.spent.contains(&link.key));
        let mut round = schedule(open, self.index, &self.answers);
        round.retain(|questioned| {
            self.silent.get(&questioned.ask.credential).is_none_or(|times| *times < SILENT_LIMIT)
        });
        round.truncate(most);
        let taken: HashSet<&LinkKey> = round.iter().flat_map(|questioned| &questioned.links).collect();
        let taken = self.undecided.iter().map(|link| &link.key).filter(|key| taken.contains(key));
        self.spent.extend(taken);
        round
    }

    /// Takes GitHub's answer.
    pub fn answer(&mut self, ask: ProbeAsk, answer: ProbeAnswer) {
        self.tally.made += 1;
        let unknown = self.answers.credential(&ask.credential) == CredentialState::Unknown;
        if unknown && matches!(answer, ProbeAnswer::Unreachable(_)) {
            let times = self.silent.entry(ask.credential.clone()).or_default();
            *times = times.saturating_add(1);
        }
        self.answers.insert(ask, answer);
    }

    /// What is known so far.
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Ends the plan: every answer, old and new, and the counts.
    pub fn finish(mut self) -> (Answers, ProbeTally) {
        let owed = self.undecided.iter().filter(|link| wanted(link, self.index, &self.answers).is_some());
        self.tally.owed = count(owed.count());
        (self.answers, self.tally)
    }
}

/// One round for `links`, none of which may have used its question. A user token of which nothing is known gets one
/// question, for a repository that has no other way to be decided where there is such a one; everything else gets
/// all of its own. Sorted by how many links a question helps, most first, then by the question.
pub fn schedule<'a>(
    links: impl IntoIterator<Item = &'a Link>,
    index: &IndexView,
    answers: &Answers,
) -> Vec<Questioned> {
    let mut wants: BTreeMap<ProbeAsk, Vec<&Link>> = BTreeMap::new();
    for link in links {
        if let Some(ask) = wanted(link, index, answers) {
            wants.entry(ask).or_default().push(link);
        }
    }
    let mut first: BTreeMap<CredentialRef, (usize, ProbeAsk)> = BTreeMap::new();
    let mut round = Vec::new();
    for (ask, links) in &wants {
        if answers.credential(&ask.credential) != CredentialState::Unknown
            || matches!(ask.credential, CredentialRef::Installation(_))
        {
            round.push(ask);
            continue;
        }
        // What is lost when the token turns out to be dead: links that could have asked for their commit.
        let lost =
            links.iter().filter(|link| ladder::climb_without_token(link, index, answers).wanted.is_some());
        let lost = lost.count();
        match first.get(&ask.credential) {
            Some((least, _)) if *least <= lost => {}
            _ => {
                first.insert(ask.credential.clone(), (lost, ask.clone()));
            }
        }
    }
    round.extend(first.values().map(|(_, ask)| ask));
    let mut round: Vec<Questioned> = round
        .into_iter()
        .filter_map(|ask| {
            let mut links: Vec<LinkKey> = wants.get(ask)?.iter().map(|link| link.key.clone()).collect();
            links.sort_unstable();
            Some(Questioned { ask: ask.clone(), links })
        })
        .collect();
    round.sort_by(|a, b| (Reverse(a.links.len()), &a.ask).cmp(&(Reverse(b.links.len()), &b.ask)));
    round
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
