//! Arguments that are one of a set of words, the same words that the daemon and its store use.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use cutover_shared::app::Feature;
use cutover_shared::catalog::DdlFormat;
use cutover_shared::fleet::DriverKind;
use cutover_shared::import::{ProbeStep, Wanted};
use cutover_shared::mapping::Mode;
use cutover_shared::rollout::{Ring, RolloutName, Side, WorthDecision};
use cutover_shared::rpc::Role;
use cutover_shared::run::{ItemState, RunState};

fn word<T>(
    all: &[T],
    word: fn(T) -> &'static str,
    from: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> + use<T>
where
    T: Copy + Send + Sync + 'static,
{
    let words: Vec<&'static str> = all.iter().copied().map(word).collect();
    PossibleValuesParser::new(words).try_map(move |text| from(&text).ok_or("no such word"))
}

pub fn role() -> impl TypedValueParser<Value = Role> {
    word(Role::ALL, Role::word, Role::from_word)
}

pub fn feature() -> impl TypedValueParser<Value = Feature> {
    word(Feature::ALL, Feature::word, Feature::from_word)
}

pub fn driver() -> impl TypedValueParser<Value = DriverKind> {
    word(DriverKind::ALL, DriverKind::word, DriverKind::from_word)
}

pub fn mode() -> impl TypedValueParser<Value = Mode> {
    word(Mode::ALL, Mode::word, Mode::from_word)
}

pub fn wanted() -> impl TypedValueParser<Value = Wanted> {
    word(Wanted::ALL, Wanted::word, Wanted::from_word)
}

pub fn probe_step() -> impl TypedValueParser<Value = ProbeStep> {
    word(ProbeStep::ALL, ProbeStep::word, ProbeStep::from_word)
}

pub fn run_state() -> impl TypedValueParser<Value = RunState> {
    word(RunState::ALL, RunState::word, RunState::from_word)
}

pub fn item_state() -> impl TypedValueParser<Value = ItemState> {
    word(ItemState::ALL, ItemState::word, ItemState::from_word)
}

pub fn ddl_format() -> impl TypedValueParser<Value = DdlFormat> {
    word(&[DdlFormat::Sql, DdlFormat::Prisma], ddl_word, |text| match text {
        "sql" => Some(DdlFormat::Sql),
        "prisma" => Some(DdlFormat::Prisma),
        _ => None,
    })
}

fn ddl_word(format: DdlFormat) -> &'static str {
    match format {
        DdlFormat::Sql => "sql",
        DdlFormat::Prisma => "prisma",
    }
}

pub fn rollout() -> impl TypedValueParser<Value = RolloutName> {
    word(RolloutName::ALL, RolloutName::word, RolloutName::from_word)
}

pub fn side() -> impl TypedValueParser<Value = Side> {
    word(Side::ALL, Side::word, Side::from_word)
}

pub fn ring() -> impl TypedValueParser<Value = Ring> {
    word(Ring::ALL, Ring::word, Ring::from_word)
}

/// A ring that is a list of tenants.
pub fn listed_ring() -> impl TypedValueParser<Value = Ring> {
    let listed = |text: &str| Ring::from_word(text).filter(|ring| !ring.is_all());
    word(&Ring::LISTED, Ring::word, listed)
}

/// Which side, or that there is to be no exception. A type of its own: an `Option` means an argument that may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideOrNone(pub Option<Side>);

pub fn side_or_none() -> impl TypedValueParser<Value = SideOrNone> {
    word(
        &[SideOrNone(Some(Side::Target)), SideOrNone(Some(Side::Legacy)), SideOrNone(None)],
        |side| side.0.map_or("none", Side::word),
        |text| match text {
            "none" => Some(SideOrNone(None)),
            text => Side::from_word(text).map(|side| SideOrNone(Some(side))),
        },
    )
}

/// `migrate` or `not-needed`.
pub fn worth_decision() -> impl TypedValueParser<Value = WorthDecision> {
    word(
        WorthDecision::ALL,
        |decision| match decision {
            WorthDecision::Migrate => "migrate",
            WorthDecision::NotNeeded => "not-needed",
        },
        |text| match text {
            "migrate" => Some(WorthDecision::Migrate),
            "not-needed" => Some(WorthDecision::NotNeeded),
            _ => None,
        },
    )
}

/// `on` or `off`.
pub fn on_off() -> impl TypedValueParser<Value = bool> {
    word(
        &[true, false],
        |on| if on { "on" } else { "off" },
        |text| match text {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        },
    )
}

/// `yes` or `no`.
pub fn yes_no() -> impl TypedValueParser<Value = bool> {
    word(
        &[true, false],
        |yes| if yes { "yes" } else { "no" },
        |text| match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
    )
}
