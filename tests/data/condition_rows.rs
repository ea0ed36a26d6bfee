//! Reads `condition-rows.md` for the two tests that arrange its rows.

use std::collections::BTreeSet;

const TABLE: &str = include_str!("condition-rows.md");
const HEAD: [&str; 6] = ["row", "Ready", "AuthFailed", "PermissionDenied", "Registered", "with"];

/// The name of a row, and its five columns.
pub type ConditionRow = (&'static str, [&'static str; 5]);

/// All rows in the order of the file. The word `granted` becomes this.
pub fn condition_rows(granted: &'static str) -> Vec<ConditionRow> {
    let mut lines = TABLE.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|')).map(cells);
    assert_eq!(lines.next(), Some(HEAD), "condition-rows.md: the head of the table");
    let rule = lines.next().expect("a line below the head");
    assert!(rule.iter().all(|cell| cell.starts_with("---")), "condition-rows.md: no line below the head");
    lines
        .map(|[name, columns @ ..]| {
            (name, columns.map(|cell| if cell == "granted" { granted } else { cell }))
        })
        .collect()
}

fn cells(line: &'static str) -> [&'static str; 6] {
    let cells: Vec<_> = line.split('|').map(str::trim).collect();
    cells.try_into().unwrap_or_else(|_| panic!("condition-rows.md: six cells are wanted in {line:?}"))
}

/// Panics unless the file and these arrangements have the same names, each once.
/// An arrangement is a row that is arranged, or one that is listed with the reason why it is not.
pub fn assert_each_row_is_arranged_once(arranged: impl Iterator<Item = &'static str>, place: &str) {
    let rows = once(condition_rows("").into_iter().map(|(name, _)| name), "condition-rows.md");
    let arranged = once(arranged, place);
    let missing: Vec<_> = rows.difference(&arranged).collect();
    assert!(missing.is_empty(), "rows of condition-rows.md without an arrangement in {place}: {missing:?}");
    let unknown: Vec<_> = arranged.difference(&rows).collect();
    assert!(unknown.is_empty(), "arrangements in {place} without a row in condition-rows.md: {unknown:?}");
}

fn once(names: impl Iterator<Item = &'static str>, place: &str) -> BTreeSet<&'static str> {
    let mut seen = BTreeSet::new();
    for name in names {
        assert!(seen.insert(name), "{place} has the row {name:?} twice");
    }
    seen
}
