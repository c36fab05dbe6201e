//! A rollout's timeline: the stages it was in with what happened in each, and when the next step may come.

use cutover_shared::page::{Page, PageAsk};
use cutover_shared::rollout::{
    CriterionState, Planned, RolloutName, Stage, Stay, StayEvent, StayEventKind, TimelineView,
};
use serde_json::Value;

use super::{RolloutError, Rollouts, read_state};
use crate::rollout::advance::{Wanted, conditions, destination};
use crate::rollout::criteria::{opens, stable_since};
use crate::store::{ChangeRow, PastIncidentRow};

/// Stays in one answer.
const STAYS_MOST: u32 = 50;

/// Kills, freezes and incidents that one stay names, of each kind.
const EVENTS: u32 = 50;

impl Rollouts {
    /// Where it goes next, and its stays in stages and rings, newest first.
    ///
    /// # Errors
    /// As the store's.
    pub async fn timeline(&self, name: RolloutName, page: &PageAsk) -> Result<TimelineView, RolloutError> {
        let rows = page.rows().min(STAYS_MOST);
        // The page before ended with this change: what it began is where the next one here was left.
        let read = |after: &str| {
            let (version, at) = after.split_once(':')?;
            Some((version.parse::<u64>().ok()?, at.parse::<i64>().ok()?))
        };
        let cursor = |after: &str| read(after).ok_or_else(|| RolloutError::Cursor(after.to_owned()));
        let cursor = page.after.as_deref().map(cursor).transpose()?;
        let changes = self.0.db.rollout_stays(name, cursor.map(|(version, _)| version), rows).await?;
        let full = changes.len() == usize::try_from(rows).unwrap_or(usize::MAX);
        let next = changes.last().filter(|row| full && row.version > 1);
        let next = next.map(|row| format!("{}:{}", row.version, row.at));
        let mut left = cursor;
        let mut begun = Vec::with_capacity(changes.len());
        for row in changes {
            let this = (row.version, row.at);
            begun.push((row, left.replace(this)));
        }
        let spans: Vec<(i64, i64)> = begun.iter().map(|(row, left)| (row.at, until(*left))).collect();
        let incidents = self.0.db.incidents_of(name, &spans, EVENTS + 1).await?;
        let mut stays = Vec::with_capacity(begun.len());
        for ((row, left), incidents) in begun.into_iter().zip(incidents) {
            stays.push(self.stay(row, left, incidents).await?);
        }
        let planned = self.planned(name).await?;
        Ok(TimelineView { rollout: name, planned, stays: Page { rows: stays, next } })
    }

    /// `left`: version and time of the change that ended it.
    async fn stay(
        &self,
        row: ChangeRow,
        left: Option<(u64, i64)>,
        incidents: Vec<PastIncidentRow>,
    ) -> Result<Stay, RolloutError> {
        let db = &self.0.db;
        let before = left.map(|(version, _)| version);
        let stops = db.rollout_stops(row.name, row.version, before, EVENTS + 1).await?;
        let most = usize::try_from(EVENTS).unwrap_or(usize::MAX);
        let more = stops.len() > most || incidents.len() > most;
        let mut events: Vec<StayEvent> = stops.into_iter().take(most).filter_map(stop).collect();
        for one in incidents.into_iter().take(most) {
            events
                .extend(incident(one).into_iter().filter(|event| (row.at..until(left)).contains(&event.at)));
        }
        events.sort_by_key(|event| event.at);
        let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
        let words = |field: &str, of: fn(&Value) -> Option<&str>| -> Vec<String> {
            let all = detail.get(field).and_then(Value::as_array).into_iter().flatten();
            all.filter_map(of).map(str::to_owned).collect()
        };
        let number = |field: &str| detail.get(field).and_then(Value::as_u64);
        Ok(Stay {
            stage: row.to,
            ring: read_state(&row.body)?.ring,
            entered_at: row.at,
            left_at: left.map(|(_, at)| at),
            version: row.version,
            named: words("named", Value::as_str),
            passed: words("passed", |one| one.get("name").and_then(Value::as_str)),
            digest: detail.get("digest").and_then(Value::as_str).map(str::to_owned),
            inside: number("inside"),
            tenants: number("tenants"),
            act: row.act,
            by: row.by.into(),
            reason: row.reason,
            events,
            more,
        })
    }

    async fn planned(&self, name: RolloutName) -> Result<Option<Planned>, RolloutError> {
        let known = self.known(name)?;
        let (state, settings) = (&known.state, &self.0.settings);
        let rings = self.rings().await?;
        let has = |ring| rings.values().any(|of| *of == ring);
        let Ok(to) = destination(&settings.track, state, Wanted::default(), has) else { return Ok(None) };
        let facts = self.0.evidence.facts(name, state).await?;
        let now = self.0.clock.now();
        let since =
            if to.stage == Stage::Complete { stable_since(state, &facts).0 } else { state.stage_since };
        let soaked_at = since.saturating_add(settings.rules.soak_ms(state.stage));
        let stopped = self.0.router.is_killed() || self.0.router.held(name).is_some();
        let waits = conditions(state, &settings.rules, facts, to, stopped, now)
            .into_iter()
            .filter(|one| one.state != CriterionState::Holds)
            .filter(|one| !matches!(one.name.as_str(), "soak" | "stable" | "window"))
            .map(|one| one.name)
            .collect();
        let earliest_at = opens(settings.rules.hours, soaked_at.max(now));
        Ok(Some(Planned { stage: to.stage, ring: to.ring, soaked_at, earliest_at, waits }))
    }
}

/// When a stay ended.
fn until(left: Option<(u64, i64)>) -> i64 {
    left.map_or(i64::MAX, |(_, at)| at)
}

fn stop(row: ChangeRow) -> Option<StayEvent> {
    let kind = match row.act.as_str() {
        "kill" => StayEventKind::Kill,
        "unkill" => StayEventKind::Unkill,
        "freeze" => StayEventKind::Freeze,
        "unfreeze" => StayEventKind::Unfreeze,
        _ => return None,
    };
    Some(StayEvent { at: row.at, kind, by: row.by.into(), text: row.reason })
}

fn incident(row: PastIncidentRow) -> Vec<StayEvent> {
    let PastIncidentRow { id, opened_at, opened_by, text, closed } = row;
    let text = format!("{id}: {text}");
    let opened =
        StayEvent { at: opened_at, kind: StayEventKind::Incident, by: opened_by.into(), text: text.clone() };
    let closed =
        closed.map(|(at, by)| StayEvent { at, kind: StayEventKind::IncidentClosed, by: by.into(), text });
    std::iter::once(opened).chain(closed).collect()
}
