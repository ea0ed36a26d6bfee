//! Tables in Markdown.

pub fn code(text: &str) -> String {
    format!("`{text}`")
}

/// The rows of every table in a Markdown text whose first column has this head.
pub fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
        inner.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut rows = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let heads = if line.starts_with('|') { cells(line) } else { continue };
        let wanted = heads[0] == head;
        // The line of dashes.
        lines.next();
        while let Some(line) = lines.next_if(|line| line.starts_with('|')) {
            let row = cells(line);
            assert_eq!(
                row.len(),
                heads.len(),
                "a row has more or fewer cells than its table has columns: {line}"
            );
            if wanted {
                rows.push(row);
            }
        }
    }
    rows
}

/// Compares a table with what it documents, row by row, and says what to change.
pub fn assert_same(document: &str, source: &str, documented: &[Vec<String>], real: &[Vec<String>]) {
    for row in real {
        let line = format!("| {} |", row.join(" | "));
        assert!(
            documented.contains(row),
            "{document} does not say what {source} does; it should have the row\n{line}"
        );
    }
    for row in documented {
        assert!(real.contains(row), "{document} has a row that is not in {source}: {row:?}");
    }
    assert_eq!(documented, real, "{document}: put the rows into the order of {source}, each once");
}
