//! What tenants look like after the same steps from the same beginning. Reading a schema is a third of what five small migrations cost a
//! PostgreSQL server, so it is read of the first tenants of a group and of some later ones; as long as all of these are alike, the
//! others are expected to be like them. One of them that is not shows as drift when it is looked at.

use std::collections::HashMap;

use cutover_shared::fleet::DriverKind;

/// Tenants of a group that have to be alike before any is taken to be.
const ALIKE: u32 = 4;

/// Of the others one in so many is read all the same.
const SAMPLE: u32 = 32;

/// Who is alike: the same kind of database, left by the same steps, from what was known of it before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    pub driver: DriverKind,
    /// The schema that it had for certain before the first step.
    pub before: Option<String>,
    pub steps: Vec<u32>,
}

#[derive(Debug)]
struct Model {
    hash: String,
    alike: u32,
    asked: u32,
    mixed: bool,
}

/// What was learned in one pass.
#[derive(Debug, Default)]
pub(super) struct Models(HashMap<Group, Model>);

impl Models {
    /// The hash of the schema that the next tenant of this group is taken to have. None: it has to be read.
    pub(super) fn taken(&mut self, group: &Group) -> Option<String> {
        let model = self.0.get_mut(group).filter(|model| !model.mixed && model.alike >= ALIKE)?;
        model.asked = model.asked.wrapping_add(1);
        (!model.asked.is_multiple_of(SAMPLE)).then(|| model.hash.clone())
    }

    /// A tenant of this group was read.
    pub(super) fn saw(&mut self, group: Group, hash: &str) {
        let model = self.0.entry(group).or_insert_with(|| Model {
            hash: hash.to_owned(),
            alike: 0,
            asked: 0,
            mixed: false,
        });
        model.mixed |= model.hash != hash;
        model.alike = model.alike.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(before: &str) -> Group {
        Group { driver: DriverKind::Postgres, before: Some(before.to_owned()), steps: vec![1, 2] }
    }

    /// Tenants of a group, one after the other, each as `schema` says: how many were read.
    fn read(models: &mut Models, group: &Group, tenants: u32, schema: impl Fn(u32) -> String) -> u32 {
        let mut read = 0;
        for tenant in 0..tenants {
            if models.taken(group).is_none() {
                read += 1;
                models.saw(group.clone(), &schema(tenant));
            }
        }
        read
    }

    #[test]
    fn of_a_fleet_that_is_alike_few_are_read_and_of_a_small_one_all() {
        let mut models = Models::default();
        assert_eq!(read(&mut models, &group("a"), ALIKE, |_| "x".to_owned()), ALIKE);
        assert_eq!(read(&mut models, &group("a"), 160, |_| "x".to_owned()), 160 / SAMPLE);
        assert_eq!(models.taken(&group("a")).as_deref(), Some("x"));
        // Another beginning is another group.
        assert_eq!(models.taken(&group("b")), None);
    }

    proptest! {
        #[test]
        fn once_one_differs_everybody_is_read(before in 0_u32..40, after in 1_u32..60) {
            let mut models = Models::default();
            let odd = read(&mut models, &group("a"), before, |_| "x".to_owned());
            models.saw(group("a"), if odd == 0 { "x" } else { "y" });
            if odd > 0 {
                prop_assert_eq!(read(&mut models, &group("a"), after, |_| "x".to_owned()), after);
            }
        }

        #[test]
        fn what_is_taken_is_what_was_seen(schemas in prop::collection::vec(0_u8..2, 1..80)) {
            let mut models = Models::default();
            for schema in &schemas {
                match models.taken(&group("a")) {
                    Some(taken) => prop_assert_eq!(taken, schemas[0].to_string()),
                    None => models.saw(group("a"), &schema.to_string()),
                }
            }
        }
    }
}
