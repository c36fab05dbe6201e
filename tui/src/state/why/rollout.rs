//! A rollout: all that is known of it, and why the judge says what it says.

use cutover_shared::rollout::{CriterionState, RolloutLine, RolloutView, TrackState};
use cutover_shared::verdict::{Judgement, Reading, ReadingState, Verdict};

use super::{Fact, fact, toned};
use crate::plain::rollout::{
    amount, changed, counted, criterion, error_rate, inside, latency, measure, missing, next_drill,
    reading_state, track_state, trigger, urgency, verdict, walked,
};
use crate::plain::{age, number, span, time};
use crate::state::State;
use crate::state::list::rollout_state;
use crate::theme::{self, Role};

/// How a verdict looks.
pub fn verdict_role(is: Verdict) -> Role {
    match is {
        Verdict::Pass => Role::Good,
        Verdict::NotEnoughData => Role::Info,
        Verdict::GateFailed => Role::Warn,
        Verdict::Breach => Role::Bad,
    }
}

/// How a reading looks.
pub fn reading_role(is: ReadingState) -> Role {
    match is {
        ReadingState::Clear => Role::Good,
        ReadingState::Warning | ReadingState::Undecided => Role::Warn,
        ReadingState::NotEnoughData => Role::Info,
        ReadingState::Fired => Role::Bad,
    }
}

/// How a criterion looks.
pub fn criterion_role(is: CriterionState) -> Role {
    match is {
        CriterionState::Holds => Role::Good,
        CriterionState::Fails => Role::Bad,
        CriterionState::Unknown => Role::Warn,
    }
}

pub(super) fn detail(state: &State, line: &RolloutLine) -> Vec<Fact> {
    let now = state.daemon_now();
    let line = state.rollout(line.name).map_or(line, |view| &view.line);
    let (word, role) = rollout_state(line);
    let mut facts = vec![
        fact("Rollout", line.name.word()),
        toned("State", word, role),
        fact("Stage", format!("{}, since {} ({})", line.stage, time(line.since), age(now, line.since))),
        fact("In", inside(line)),
        fact("Verdict", line.verdict.as_str()),
    ];
    let Some(view) = state.rollout(line.name) else { return facts };
    facts.extend(holds(view, now));
    keyed(
        &mut facts,
        "Track",
        view.track.iter().map(|stage| {
            let soak =
                if stage.soak_ms > 0 { format!(", soak {}", span(ms(stage.soak_ms))) } else { String::new() };
            let since = stage.since.map_or(String::new(), |at| format!(", {}", age(now, at)));
            let role = match stage.state {
                TrackState::Passed => Role::Good,
                TrackState::Now => Role::Strong,
                TrackState::Next | TrackState::Later => Role::Dim,
            };
            (format!("{} {}{since}{soak}", track_state(stage.state), stage.stage), role)
        }),
    );
    for one in &view.figures {
        let word = one.operation.map_or("all", |operation| operation.word());
        for (side, arm) in [("legacy", &one.legacy), ("target", &one.target)] {
            let us = |time: Option<u64>| time.map_or("-".to_owned(), latency);
            let text = format!(
                "{} calls, errors {}, P50 {}, P95 {}, P99 {}",
                number(arm.calls),
                error_rate(arm).unwrap_or_else(|| "-".to_owned()),
                us(arm.p50_us),
                us(arm.p95_us),
                us(arm.p99_us)
            );
            facts.push(fact(&format!("{word} {side}"), text));
        }
        let text = format!(
            "{} compared, {} differed, {} lost, {} beyond the budget",
            number(one.compared),
            number(one.mismatched),
            number(one.shed),
            number(one.over_budget)
        );
        facts.push(toned(
            &format!("{word} compared"),
            text,
            if one.mismatched > 0 { Role::Warn } else { Role::Text },
        ));
    }
    keyed(
        &mut facts,
        "Criteria",
        view.criteria.iter().map(|one| {
            let pass = if one.may_override { " (an approver may pass it)" } else { "" };
            let pass = if one.state == CriterionState::Holds { "" } else { pass };
            (format!("{}  {}: {}{pass}", criterion(one.state), one.name, one.text), criterion_role(one.state))
        }),
    );
    keyed(
        &mut facts,
        "Flags",
        view.flags.iter().map(|flag| {
            let (word, role) = if flag.on { ("on", Role::Good) } else { ("off", Role::Warn) };
            (format!("{} {word}", flag.key), role)
        }),
    );
    facts.push(fact("Overrides", number(view.overrides)));
    facts.push(match view.baseline_at {
        Some(at) => fact("Baseline", format!("{} ({})", time(at), age(now, at))),
        None => toned("Baseline", "none recorded", Role::Warn),
    });
    keyed(
        &mut facts,
        "Besides",
        view.measures.iter().map(|line| {
            let (what, text) = measure(line);
            (format!("{what}: {text}"), Role::Text)
        }),
    );
    facts.push(fact("Bucketing", format!("algorithm {}, salt {}", view.algorithm, view.salt)));
    keyed(
        &mut facts,
        "Receipts",
        view.changes.iter().map(|change| {
            let reason =
                if change.reason.is_empty() { String::new() } else { format!(": {}", change.reason) };
            let text = format!("{} {}, by {}{reason}", age(now, change.at), changed(change), change.by);
            (text, Role::Text)
        }),
    );
    facts
}

/// Lines of which only the first has the key.
fn keyed(facts: &mut Vec<Fact>, key: &str, lines: impl Iterator<Item = (String, Role)>) {
    for (at, (text, role)) in lines.enumerate() {
        facts.push(toned(if at == 0 { key } else { "" }, text, role));
    }
}

fn ms(ms: i64) -> u64 {
    ms.unsigned_abs() / 1_000
}

/// What keeps it where it is, and what is owed.
fn holds(view: &RolloutView, now: i64) -> Vec<Fact> {
    let mut facts = Vec::new();
    if view.line.killed {
        facts.push(toned(
            "Killed",
            format!("`cutover unkill {} --reason TEXT` lets go", view.line.name),
            Role::Bad,
        ));
    }
    if let Some(freeze) = &view.freeze {
        let text = format!("{} by {}: {}", age(now, freeze.at), freeze.by, freeze.reason);
        facts.push(toned("Frozen", text, Role::Warn));
    }
    if let Some(incident) = &view.incident {
        facts.push(toned("Incident", incident.as_str(), Role::Bad));
    }
    if let Some(k) = view.exact {
        facts.push(fact("List", format!("{} tenants, frozen at approval", number(k))));
    }
    let repair = &view.repair;
    let role = if repair.blocks || repair.failed > 0 { Role::Bad } else { Role::Text };
    let oldest = if repair.waiting == 0 {
        String::new()
    } else {
        format!(", the oldest {}", span(ms(repair.oldest_ms)))
    };
    facts.push(toned(
        "Repair queue",
        format!("{} waiting{oldest}, {} failed", number(repair.waiting), number(repair.failed)),
        role,
    ));
    let (last, tone) = walked(view.reverse.as_ref(), now);
    let found = view.reverse.as_ref().map_or(String::new(), |walked| format!(": {}", walked.text));
    facts.push(toned("Drill", format!("{last}{found}"), theme::tone(tone)));
    if let Some(drill) = &view.drill {
        let (text, tone) = next_drill(drill, now);
        facts.push(toned("", format!("{text}, {}", time(drill.due_at)), theme::tone(tone)));
    }
    facts
}

/// Rule, inputs, threshold and distance of each trigger.
pub(super) fn why(state: &State, line: &RolloutLine) -> Vec<Fact> {
    let mut facts = vec![fact("Rollout", line.name.word())];
    let Some(view) = state.rollout(line.name) else {
        facts.push(fact("Verdict", line.verdict.as_str()));
        return facts;
    };
    match &view.judgement {
        Some(judgement) => judged(&mut facts, judgement, state.daemon_now()),
        None => {
            facts.push(fact("Verdict", view.line.verdict.as_str()));
            facts.push(fact(
                "Rule",
                "the judge is armed when a stage begins; until then nothing is decided by figures",
            ));
        }
    }
    let failing: Vec<_> = view.criteria.iter().filter(|one| one.state != CriterionState::Holds).collect();
    if failing.is_empty() && !view.criteria.is_empty() {
        facts.push(toned("Criteria", format!("all {} hold", view.criteria.len()), Role::Good));
    }
    keyed(
        &mut facts,
        "Criteria",
        failing.iter().map(|one| {
            (format!("{}  {}: {}", criterion(one.state), one.name, one.text), criterion_role(one.state))
        }),
    );
    facts
}

fn judged(facts: &mut Vec<Fact>, judgement: &Judgement, now: i64) {
    facts.push(toned("Verdict", verdict(judgement.verdict), verdict_role(judgement.verdict)));
    facts.push(fact("Rule", rule(judgement.verdict)));
    facts.push(fact(
        "Judged",
        format!("{}, armed {}", age(now, judgement.at_ms), age(now, judgement.armed_ms)),
    ));
    if let Some(fired) = &judgement.fired {
        let text =
            format!("{}: {}, {}", age(now, fired.at_ms), trigger(&fired.reading), reading(&fired.reading));
        facts.push(toned("Fired", text, Role::Bad));
    }
    let mut readings: Vec<_> = judgement.readings.iter().collect();
    readings.sort_by_key(|one| urgency(one));
    for one in readings {
        let of = one.name.as_ref().map_or(String::new(), |name| format!("{name}: "));
        let key = one.trigger.word().replace('_', " ");
        facts.push(toned(&key, format!("{of}{}", reading(one)), reading_role(one.state)));
    }
    if let Some(claim) = &judgement.claim {
        let missing = match claim.missing {
            0 => String::new(),
            n => format!("; {} clean comparisons more for the claim", number(n)),
        };
        facts.push(fact("Consistency", format!("{claim}{missing}")));
    }
    let share = crate::plain::rollout::ppm(u64::from(judgement.false_alarm_ppm));
    facts.push(fact(
        "False alarms",
        format!("at most {share} of healthy rollouts are ever rolled back by it"),
    ));
}

/// `warning: 2.60 % of calls failed, fires at 5.00 %, warns at 2.50 %; 48 % of the way left; 1,204 seen, 100 wanted at least`.
fn reading(one: &Reading) -> String {
    let missing = missing(one);
    let missing = if missing.is_empty() { missing } else { format!("; needs {missing}") };
    format!(
        "{}: {} {}, fires at {}, warns at {}; {} % of the way left; {} seen, {} wanted at least{missing}",
        reading_state(one.state),
        amount(one.unit, one.value),
        counted(one.trigger),
        amount(one.unit, one.threshold),
        amount(one.unit, one.warning_at),
        one.distance_permille / 10,
        number(one.sample),
        number(one.floor)
    )
}

fn rule(is: Verdict) -> &'static str {
    match is {
        Verdict::Pass => "every trigger has seen enough and none is over its threshold",
        Verdict::NotEnoughData => "a trigger has not seen enough: no advance, and no rollback either",
        Verdict::GateFailed => "a gate is closed: no advance, and no rollback either",
        Verdict::Breach => "a trigger has fired: the rollout goes back to the last good stage",
    }
}
