//! What lies on top of a screen: a stack, the top of which has the keyboard. No layer knows another.

use cutover_shared::audit::AuditCheck;
use cutover_shared::error::RpcError;
use cutover_shared::ids::TenantId;
use cutover_shared::mapping::{Mode, SpotCheckReport};
use cutover_shared::rollout::RolloutName;
use tui_input::Input;

use super::dialog::Dialog;
use super::subject::Subject;
use super::{ExportFormat, ListId, ScopeChoice};
use crate::keymap::Action;

/// A daemon that was asked to kill and is silent for so long is not waited for: the marker is written.
pub const KILL_PATIENCE_MS: i64 = 2_000;

/// Modes in the order of their menu.
pub const MODES: &[Mode] = &[Mode::Off, Mode::Canary, Mode::On];

/// Formats in the order of their menu, with the ending of their files.
pub const FORMATS: &[(ExportFormat, &str)] =
    &[(ExportFormat::Csv, "csv"), (ExportFormat::JsonLines, "jsonl")];

/// One thing on top.
#[derive(Clone, Debug)]
pub enum Layer {
    Dialog(Box<Dialog>),
    Kill(KillLayer),
    Help {
        scroll: u16,
    },
    Palette(Palette),
    /// Why something is as it is.
    Why {
        subject: Option<Box<Subject>>,
        scroll: u16,
    },
    /// All that is known of one thing.
    Detail {
        subject: Box<Subject>,
        scroll: u16,
    },
    Runbook {
        file: String,
        scroll: u16,
    },
    Receipts {
        cursor: usize,
    },
    /// The daemon's or our own no, with its reason and mend.
    Refusal {
        title: String,
        error: RpcError,
    },
    /// A line below the table.
    Filter(FilterLine),
    Columns {
        list: ListId,
        cursor: usize,
    },
    /// What a dry-run shall cover.
    Scope {
        choices: Vec<ScopeChoice>,
        cursor: usize,
        refresh: bool,
    },
    Mode {
        cursor: usize,
    },
    Export {
        list: ListId,
        cursor: usize,
    },
    /// Tenants that the target of a rollout answers for.
    Members {
        name: RolloutName,
        cursor: usize,
    },
    /// A rollout's stays in its stages.
    Timeline {
        name: RolloutName,
        scroll: u16,
    },
    /// Failures of the fleet, by their error.
    Failures {
        cursor: usize,
    },
    /// A tenant's attempts, newest first: `pages` are where the pages begin that were turned over, the last is shown.
    History {
        tenant: TenantId,
        pages: Vec<String>,
        scroll: u16,
    },
    Chain(ChainLayer),
    /// What a delivery says.
    Payload {
        guid: String,
        scroll: u16,
    },
    /// Why workflows, or this one, match a delivery or not.
    Explain {
        guid: String,
        workflow: Option<String>,
        scroll: u16,
    },
    /// The GUID of a delivery is being typed, to be explained for this workflow.
    Guid {
        workflow: String,
        input: Input,
    },
    SpotCheck {
        report: Box<SpotCheckReport>,
        scroll: u16,
    },
}

/// The kill switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KillLayer {
    /// The second key fires.
    Armed,
    /// Asked of the daemon at this time, by this act.
    Asked { act: u64, at: i64 },
    /// The marker is being written, because the daemon can't be asked or did not answer.
    Marking { why: String },
    /// It fell: what is known of it.
    Fired { text: String },
    /// It did not: why, and what else can be done.
    Failed { text: String },
}

/// The check of the audit's chain.
#[derive(Clone, Debug, PartialEq)]
pub enum ChainLayer {
    Asked { ask: u64 },
    Checked(AuditCheck),
    Failed(RpcError),
}

/// A filter being typed.
#[derive(Clone, Debug)]
pub struct FilterLine {
    pub list: ListId,
    pub input: Input,
    /// What is wrong with it so far: letters before the mistake, and words.
    pub problem: Option<(usize, String)>,
}

impl FilterLine {
    /// Looks whether it can be understood.
    pub fn check(&mut self) {
        let parsed = cutover_shared::filter::parse(self.list.spec().fields, self.input.value());
        self.problem = parsed.err().map(|error| (error.at, format!("{}; {}", error.message, error.hint)));
    }
}

/// The palette.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    pub input: Input,
    pub cursor: usize,
}

impl Palette {
    /// Actions whose name or sentence holds the letters in order, the best first.
    pub fn found(&self, fits: impl Fn(Action) -> bool) -> Vec<Action> {
        let wanted = self.input.value().trim().to_lowercase();
        let rows = crate::keymap::TABLE.iter().filter(|row| fits(row.action));
        let mut found: Vec<(i64, Action)> =
            rows.filter_map(|row| Some((score(row.name, row.about, &wanted)?, row.action))).collect();
        found.sort_by_key(|(score, _)| -score);
        found.into_iter().map(|(_, action)| action).collect()
    }
}

/// How well letters fit; a name that begins with them is best, a sentence that only holds them is last.
fn score(name: &str, about: &str, wanted: &str) -> Option<i64> {
    if wanted.is_empty() {
        return Some(0);
    }
    if name.starts_with(wanted) {
        return Some(1000);
    }
    if name.contains(wanted) {
        return Some(800);
    }
    let mut rest = name.chars();
    let mut gaps = 0;
    let all = wanted.chars().all(|c| {
        let skipped = rest.by_ref().position(|other| other == c);
        gaps += i64::try_from(skipped.unwrap_or(0)).unwrap_or(0);
        skipped.is_some()
    });
    if all {
        return Some(600 - gaps);
    }
    about.to_lowercase().contains(wanted).then_some(100)
}

/// The stack. Bounded, because a layer may open another.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    stack: Vec<Layer>,
}

/// Deeper than anybody looks.
const DEEPEST: usize = 8;

impl Layers {
    pub fn top(&self) -> Option<&Layer> {
        self.stack.last()
    }

    pub fn top_mut(&mut self) -> Option<&mut Layer> {
        self.stack.last_mut()
    }

    pub fn all(&self) -> impl Iterator<Item = &Layer> {
        self.stack.iter()
    }

    pub fn push(&mut self, layer: Layer) {
        if self.stack.len() == DEEPEST {
            self.stack.remove(0);
        }
        self.stack.push(layer);
    }

    pub fn pop(&mut self) -> Option<Layer> {
        self.stack.pop()
    }

    pub fn is_empty(&self) -> bool {
        self.stack.is_empty()
    }

    pub fn clear(&mut self) {
        self.stack.clear();
    }

    /// The kill layer, wherever it lies.
    pub fn kill_mut(&mut self) -> Option<&mut KillLayer> {
        self.stack.iter_mut().find_map(|layer| match layer {
            Layer::Kill(kill) => Some(kill),
            _ => None,
        })
    }

    /// The check of the chain that waits for this answer, wherever it lies.
    pub fn chain_mut(&mut self, ask: u64) -> Option<&mut ChainLayer> {
        self.stack.iter_mut().find_map(|layer| match layer {
            Layer::Chain(chain) if *chain == (ChainLayer::Asked { ask }) => Some(chain),
            _ => None,
        })
    }

    /// The top takes letters as text.
    pub fn is_typing(&self) -> bool {
        match self.top() {
            Some(Layer::Dialog(dialog)) => !dialog.fields.is_empty(),
            Some(Layer::Filter(_) | Layer::Palette(_) | Layer::Guid { .. }) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_find_an_action() {
        let find = |text: &str| {
            let palette = Palette { input: text.into(), cursor: 0 };
            palette.found(|_| true).first().copied()
        };
        assert_eq!(find("dry"), Some(Action::DryRun));
        assert_eq!(find("settle-n"), Some(Action::SettleNo));
        assert_eq!(find("tkrf"), Some(Action::TokenRefresh));
        assert_eq!(find("chain of hashes"), Some(Action::AuditVerify));
        assert_eq!(find("zzzz"), None);
    }

    #[test]
    fn the_stack_is_bounded_and_keeps_the_newest() {
        let mut layers = Layers::default();
        for scroll in 0..20 {
            layers.push(Layer::Help { scroll });
        }
        assert_eq!(layers.all().count(), DEEPEST);
        assert!(matches!(layers.top(), Some(Layer::Help { scroll: 19 })));
    }
}
