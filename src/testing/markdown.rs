//! Tables of a Markdown page that a person checks and a test reads.

/// The rows of the first table below this heading that begins with these columns.
///
/// # Panics
/// Where the page has no such table.
pub(crate) fn table<const N: usize>(
    page: &'static str,
    heading: &str,
    head: [&str; N],
) -> Vec<[&'static str; N]> {
    let below = page.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading);
    let rows = below.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let mut rows = rows.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        <[&str; N]>::try_from(cells)
            .unwrap_or_else(|cells| panic!("{heading}: {N} cells are wanted: {cells:?}"))
    });
    assert_eq!(rows.next(), Some(head), "the table below {heading:?}");
    let rule = rows.next().expect("a line below the head");
    assert!(rule.iter().all(|cell| cell.starts_with("---")), "{heading}: no line below the head");
    rows.collect()
}
