//! What the console has to know at the moment, and what makes it out of date.

use cutover_shared::rpc::{Query, Topic};
use cutover_shared::run::RunQuery;
use cutover_shared::window::WindowAsk;

use super::{Layer, Screen, Slot, State, Subject};

impl State {
    /// What the screen and what lies on it stand on.
    pub fn needs(&self) -> Vec<(Slot, Query)> {
        let mut needs = vec![(Slot::Status, Query::Status)];
        if let Some(table) = self.table() {
            needs.push((Slot::List(table.id), table.query()));
        }
        if let Some(id) = self.open_run() {
            needs.push((Slot::Run(id.clone()), Query::Run(RunQuery::Show { id: id.clone() })));
            needs.push((Slot::Groups(id.clone()), Query::Run(RunQuery::Groups { id })));
        }
        // The list of runs shows one in full beside it.
        if self.screen == Screen::Runs
            && let Some(Subject::Run(run)) = self.selected()
        {
            let id = run.id.clone();
            needs.push((Slot::Groups(id.clone()), Query::Run(RunQuery::Groups { id })));
        }
        for errand in self.errands.all() {
            if let Some((id, _)) = errand.awaited()
                && self.open_run().as_ref() != Some(id)
            {
                needs.push((Slot::Run(id.clone()), Query::Run(RunQuery::Show { id: id.clone() })));
            }
        }
        for layer in self.layers.all() {
            if let Layer::Dialog(dialog) = layer
                && let Some(id) = &dialog.gate
            {
                needs.push((Slot::Gate(id.clone()), Query::Run(RunQuery::Gate { id: id.clone() })));
            }
        }
        if let Some(search) = &self.search {
            let ask = WindowAsk { filter: search.filter.clone(), limit: 1, ..WindowAsk::default() };
            needs.push((Slot::Latest(search.filter.clone()), Query::Run(RunQuery::Window { ask })));
        }
        needs
    }

    /// What a topic touches.
    pub fn touches(slot: &Slot, topic: Topic) -> bool {
        match slot {
            Slot::Status => topic != Topic::Audit,
            Slot::List(list) => list.spec().topics.contains(&topic),
            Slot::Run(_) | Slot::Groups(_) | Slot::Gate(_) | Slot::Latest(_) => topic == Topic::Runs,
        }
    }
}
