//! The schema as lines, from the catalogue alone, in one message.

use std::time::Duration;

use super::super::super::driver::{Schema, StepError};
use super::ledger::TABLE;
use super::wire::{Wire, text};
use crate::sql_name::Sql;

/// What the catalogue may take, however many tables there are.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whatever stands in the search path, names come out whole; and all questions see one moment.
const OPENING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = pg_catalog; SET LOCAL statement_timeout = '60s';\n";

/// The same for a tenant that has only some schemas of its database: which these are is kept for the questions, and what is in the first of
/// them comes out without its name. So tenants that are alike have the same lines.
const OPENING_OWN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = '60s'; \
     SELECT set_config('cutover.schemas', current_schemas(false)::text, true), current_schema(); \
     SELECT set_config('search_path', coalesce(quote_ident(current_schema()), 'pg_catalog'), true);\n";

/// Statements of [`OPENING`], and of [`OPENING_OWN`].
const OPENED: usize = 3;
const OPENED_OWN: usize = 4;

/// Words that begin the lines of each question's rows.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "relation",
        "SELECT n.nspname, c.relname, CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' \
         WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' ELSE 'type' END \
         || CASE c.relpersistence WHEN 'u' THEN ' unlogged' ELSE '' END \
         || CASE WHEN c.relrowsecurity THEN ' row security' ELSE '' END || CASE WHEN c.relforcerowsecurity THEN ' forced' ELSE '' END, \
         CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END",
    ),
    (
        "column",
        "SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod) \
         || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END \
         || CASE a.attidentity WHEN 'a' THEN ' IDENTITY ALWAYS' WHEN 'd' THEN ' IDENTITY BY DEFAULT' ELSE '' END \
         || CASE a.attgenerated WHEN '' THEN coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') \
         ELSE ' GENERATED ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '') END \
         || CASE WHEN a.attcollation NOT IN (0, 100) THEN ' COLLATE ' || a.attcollation::regcollation::text ELSE '' END",
    ),
    (
        "constraint",
        "SELECT n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid) || CASE WHEN k.convalidated THEN '' ELSE ' (not validated)' END",
    ),
    (
        "index",
        "SELECT n.nspname, t.relname, c.relname, pg_get_indexdef(i.indexrelid, 0, true) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END",
    ),
    (
        "function",
        "SELECT n.nspname, p.proname, '(' || pg_get_function_identity_arguments(p.oid) || ')', \
         concat_ws(' ', 'returns', pg_get_function_result(p.oid), l.lanname, p.prokind::text, p.provolatile::text, \
         CASE WHEN p.prosecdef THEN 'security definer' END, CASE WHEN p.proisstrict THEN 'strict' END, p.proconfig::text, \
         md5(coalesce(p.prosrc, '')))",
    ),
    (
        "trigger",
        "SELECT n.nspname, c.relname, g.tgname, pg_get_triggerdef(g.oid, true) || ' (' || g.tgenabled::text || ')'",
    ),
    ("type", "SELECT n.nspname, y.typname, y.typtype::text, "),
    (EXTENSION, "SELECT n.nspname, e.extname, '', NULL"),
    (
        "policy",
        "SELECT n.nspname, c.relname, p.polname, concat_ws(' ', p.polcmd::text, CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, \
         p.polroles::regrole[]::text, 'USING ' || pg_get_expr(p.polqual, p.polrelid), 'CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid))",
    ),
    ("owned", "SELECT n.nspname, c.relname, 'by ' || r.refobjid::regclass::text || '.' || a.attname, NULL"),
];

/// Where the rows of each question come from. `{}` stands for the condition on schemas.
const SOURCES: &[&str] = &[
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {}{};\n",
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
     LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0 AND NOT a.attisdropped AND {}{};\n",
    " FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE k.contype <> 'n' AND {}{};\n",
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {}{};\n",
    " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang WHERE {}{};\n",
    " FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE NOT g.tgisinternal AND {}{};\n",
    "CASE y.typtype WHEN 'e' THEN (SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = y.oid) \
     WHEN 'd' THEN concat_ws(' ', format_type(y.typbasetype, y.typtypmod), CASE WHEN y.typnotnull THEN 'NOT NULL' END, y.typdefault, \
     (SELECT string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = y.oid)) END \
     FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace WHERE y.typtype IN ('e', 'd', 'r') AND {}{};\n",
    " FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE {}{};\n",
    " FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {}{};\n",
    " FROM pg_depend r JOIN pg_class c ON c.oid = r.objid AND c.relkind = 'S' JOIN pg_namespace n ON n.oid = c.relnamespace \
     JOIN pg_attribute a ON a.attrelid = r.refobjid AND a.attnum = r.refobjsubid \
     WHERE r.classid = 'pg_class'::regclass AND r.refclassid = 'pg_class'::regclass AND r.deptype IN ('a', 'i') AND {}{};\n",
];

const OURS_NOT: &str = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\\_temp%' \
                        AND n.nspname NOT LIKE 'pg\\_toast\\_temp%'";

const OWN: &str = "n.nspname = ANY (current_setting('cutover.schemas')::name[])";

/// It is the database's and not one tenant's.
const EXTENSION: &str = "extension";

/// What an extension brought belongs to the extension. By question; empty where nothing is to be left out.
const BROUGHT: &[&str] = &[
    " AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')",
    " AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_class'::regclass AND x.objid = c.oid AND x.deptype = 'e')",
    "",
    "",
    " AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_proc'::regclass AND x.objid = p.oid AND x.deptype = 'e')",
    "",
    " AND NOT EXISTS (SELECT 1 FROM pg_depend x WHERE x.classid = 'pg_type'::regclass AND x.objid = y.oid AND x.deptype = 'e')",
    " OR e.extname <> 'plpgsql'",
    "",
    "",
];

/// Reads the schema; `own`: only what the search path names. Its lines are sorted here: the server need not, and its order would depend on
/// its collation.
pub(super) async fn read(wire: &mut Wire, own: bool) -> Result<Schema, StepError> {
    let (opening, opened) = if own { (OPENING_OWN, OPENED_OWN) } else { (OPENING, OPENED) };
    let mut message = Sql::text(opening);
    for (((word, columns), source), brought) in QUESTIONS.iter().zip(SOURCES).zip(BROUGHT) {
        let (which, brought) = match (own, *word) {
            (false, _) => (OURS_NOT, *brought),
            (true, EXTENSION) => ("false", ""),
            (true, _) => (OWN, *brought),
        };
        message = message.then(&Sql::text(columns));
        message = message.then(&Sql::fill(source, &[&Sql::text(which), &Sql::text(brought)]));
    }
    let message = message.then(&Sql::text("COMMIT;"));
    let (mut lines, mut first) = (Vec::new(), None);
    let said = wire.say(message, PATIENCE, |done, row| {
        let word =
            done.checked_sub(opened).and_then(|question| QUESTIONS.get(question)).map(|(word, _)| *word);
        if word.is_none() && first.is_none() {
            first = text(row, 1);
        }
        let column = |at| text(row, at).unwrap_or_default();
        let (schema, of, name, rest) = (column(0), column(1), column(2), column(3));
        // The ledger is ours, not the tenant's.
        if of != TABLE
            && let Some(word) = word
        {
            let schema = if first.as_ref() == Some(&schema) { String::new() } else { schema + "." };
            let line = format!("{schema}{of} {word} {name} {rest}").replace(['\n', '\r'], " ");
            lines.push(line.trim_end().to_owned());
        }
    });
    if let Err(broken) = said.await {
        if !broken.is_lost() {
            let _ = wire.say(Sql::text("ROLLBACK;"), PATIENCE, |_, _| {}).await;
        }
        return Err(broken.plain());
    }
    lines.sort_unstable();
    Ok(Schema { lines })
}
