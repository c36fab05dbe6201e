//! The runbooks, carried in the program: the night they are needed may be the night the documents can't be reached.

/// Each file of `runbooks/` with its text.
pub const ALL: &[(&str, &str)] = &[
    ("README.md", include_str!("../../runbooks/README.md")),
    ("drill.md", include_str!("../../runbooks/drill.md")),
    ("fleet-drift.md", include_str!("../../runbooks/fleet-drift.md")),
    ("fleet-halted.md", include_str!("../../runbooks/fleet-halted.md")),
    ("fleet-instance-away.md", include_str!("../../runbooks/fleet-instance-away.md")),
    ("github_rate_limit.md", include_str!("../../runbooks/github_rate_limit.md")),
    ("key_rejected.md", include_str!("../../runbooks/key_rejected.md")),
    ("kill.md", include_str!("../../runbooks/kill.md")),
    ("missed_webhooks.md", include_str!("../../runbooks/missed_webhooks.md")),
    ("repair_queue.md", include_str!("../../runbooks/repair_queue.md")),
    ("rolled_back.md", include_str!("../../runbooks/rolled_back.md")),
    ("store_disk_full.md", include_str!("../../runbooks/store_disk_full.md")),
    ("undo_mapping.md", include_str!("../../runbooks/undo_mapping.md")),
];

/// The runbook of a name, with or without its folder.
pub fn find(file: &str) -> Option<(&'static str, &'static str)> {
    let name = file.rsplit('/').next().unwrap_or(file);
    ALL.iter().copied().find(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_runbook_is_carried() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../runbooks");
        let files =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let files: BTreeSet<String> = files.filter(|name| name.ends_with(".md")).collect();
        let carried: BTreeSet<String> = super::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(carried, files);
        assert!(super::find("runbooks/kill.md").is_some());
    }
}
