use super::*;

fn found(name: &str, data_type: &str, nullable: bool) -> FoundColumn {
    FoundColumn { name: name.to_owned(), data_type: data_type.to_owned(), nullable }
}

#[test]
fn up_adds_nullable_columns_and_indexes_and_down_takes_them_away() {
    let made = ddl(DdlFormat::Sql, &DdlNames::default()).unwrap();
    assert_eq!(made.name, "add_github_installation_refs");
    for line in [
        "  ADD COLUMN IF NOT EXISTS \"githubInstallationId\" BIGINT,\n",
        "  ADD COLUMN IF NOT EXISTS \"migrationStatus\" TEXT;\n",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS \"Project_githubInstallationId_idx\" ON \"Project\" (\"githubInstallationId\");\n",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS \"Project_migrationStatus_idx\" ON \"Project\" (\"migrationStatus\");\n",
    ] {
        assert!(made.up.contains(line), "{}", made.up);
    }
    assert!(!made.up.contains("BEGIN;") && !made.up.to_lowercase().contains("not null,"));
    for line in [
        "DROP INDEX CONCURRENTLY IF EXISTS \"Project_githubInstallationId_idx\";\n",
        "  DROP COLUMN IF EXISTS \"migrationStatus\",\n",
        "  DROP COLUMN IF EXISTS \"githubInstallationId\";\n",
    ] {
        assert!(made.down.contains(line), "{}", made.down);
    }
}

#[test]
fn hostile_names_stay_names() {
    let names = DdlNames {
        schema: Some("a\"b".to_owned()),
        table: "x\"; DROP TABLE y; --".to_owned(),
        installation_column: "it's \\".to_owned(),
        status_column: "$cutover_guard$".to_owned(),
    };
    let made = ddl(DdlFormat::Sql, &names).unwrap();
    assert!(made.up.contains("ALTER TABLE \"a\"\"b\".\"x\"\"; DROP TABLE y; --\"\n"));
    assert!(made.up.contains(r"column_name = E'it''s \\'"));
    let block = made.up.split("ALTER TABLE").next().unwrap();
    assert_eq!(block.matches(TAG).count(), 2, "the block is closed by its own tag only");
}

#[test]
fn names_that_postgresql_would_refuse_or_cut_are_refused() {
    let with =
        |table: &str| ddl(DdlFormat::Sql, &DdlNames { table: table.to_owned(), ..DdlNames::default() });
    assert_eq!(with(""), Err(NameError::Empty { what: "table" }));
    assert_eq!(with(&"x".repeat(64)), Err(NameError::TooLong { what: "table" }));
    assert_eq!(with("a\0b"), Err(NameError::Control { what: "table" }));
    let same = DdlNames { status_column: "githubInstallationId".to_owned(), ..DdlNames::default() };
    assert_eq!(ddl(DdlFormat::Prisma, &same), Err(NameError::Same));
}

#[test]
fn long_index_names_are_cut_and_stay_different() {
    let table = "é".repeat(31);
    let (one, two) = (index_name(&table, "githubInstallationId"), index_name(&table, "migrationStatus"));
    assert!(one.len() <= 63 && two.len() <= 63 && one != two, "{one} {two}");
}

#[test]
fn prisma_gets_fields_and_maps_names_that_it_can_not_write() {
    let made = ddl(DdlFormat::Prisma, &DdlNames::default()).unwrap();
    for line in [
        "model Project {\n",
        "  githubInstallationId BigInt?\n",
        "  migrationStatus String?\n",
        "  @@index([githubInstallationId], map: \"Project_githubInstallationId_idx\")\n",
    ] {
        assert!(made.up.contains(line), "{}", made.up);
    }
    let names =
        DdlNames { table: "my projects".to_owned(), status_column: "1st".to_owned(), ..DdlNames::default() };
    let made = ddl(DdlFormat::Prisma, &names).unwrap();
    assert!(made.up.contains("  migrationStatus String? @map(\"1st\")\n"), "{}", made.up);
    assert!(made.up.contains("  @@map(\"my projects\")\n"), "{}", made.up);
}

#[test]
fn columns_of_another_type_are_refused() {
    let names = DdlNames::default();
    let good = [found("githubInstallationId", "bigint", true), found("migrationStatus", "text", true)];
    assert_eq!(check_columns(&good, &names), Ok(()));
    let bad = [found("githubInstallationId", "integer", false)];
    assert_eq!(
        check_columns(&bad, &names),
        Err(vec![
            ColumnError::OtherType {
                column: "githubInstallationId".to_owned(),
                found: "integer".to_owned(),
                expected: "bigint"
            },
            ColumnError::NotNull { column: "githubInstallationId".to_owned() },
            ColumnError::Missing { column: "migrationStatus".to_owned() },
        ])
    );
    assert!(check_columns(&[found("githubinstallationid", "bigint", true)], &names).is_err());
}
