//! Lists, whole: the default page has 25 rows, a role has over 100 functions, and a right on page two must not look missing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::client::{Api, NoAnswer, PAGE_BYTES, Transport};
use crate::upstream::{json, memory};

/// ConnectWise's largest page.
pub(crate) const PAGE_SIZE: usize = 1000;
/// No list is followed further than this many pages…
pub(crate) const MOST_PAGES: usize = 20;
/// …or rows…
pub(crate) const MOST_ROWS: usize = 10_000;
/// …or than what takes this much memory, as `upstream::json` estimates it: over 7,000 boards.
const MOST_MEMORY: usize = 8 << 20;

// While a list is read, a check holds its rows, and a page as a body, whose buffer doubles, and as values.
const _: () = assert!(MOST_MEMORY + 2 * PAGE_BYTES + json::MOST_MEMORY <= memory::LARGE);

/// The rows of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// The rows that were read.
    pub(crate) rows: Vec<Value>,
    /// Whether these are all: otherwise what is not among them may still exist.
    pub(crate) complete: bool,
}

impl<T: Transport> Api<'_, T> {
    /// Every row of a list, page by page along `rel="next"`. A next page that is of another list, or was read already, is
    /// not followed.
    pub(crate) async fn list(
        &self,
        operation: &'static str,
        route: &str,
        fields: &str,
    ) -> Result<Listing, NoAnswer> {
        let list = self.path(route);
        let query = if fields.is_empty() { String::new() } else { format!("&fields={fields}") };
        let mut next = Some(format!("{list}?pageSize={PAGE_SIZE}{query}"));
        let (mut rows, mut weight) = (Vec::new(), 0);
        let mut read = BTreeSet::new();
        while let Some(page) = next.take_if(|page| read.len() < MOST_PAGES && is_page_of(&list, page)) {
            if rows.len() >= MOST_ROWS || !read.insert(page.clone()) {
                return Ok(Listing { rows, complete: false });
            }
            let page = self.page(operation, page, PAGE_BYTES).await?;
            weight += page.weight;
            if weight > MOST_MEMORY {
                return Ok(Listing { rows, complete: false });
            }
            if weight > memory::SMALL_VALUES {
                self.asker.limits.claim_place().await.map_err(NoAnswer::Fault)?;
            }
            rows.extend(page.rows);
            next = page.next;
        }
        Ok(Listing { rows, complete: next.is_none() })
    }
}

/// Whether a path is another page of the list, rather than wherever else a `Link` header might lead the keys.
fn is_page_of(list: &str, path_and_query: &str) -> bool {
    let path = path_and_query.split('?').next().unwrap_or_default();
    path.trim_end_matches('/').eq_ignore_ascii_case(list.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::fake_connectwise::{Fake, Reply, asker, company, keys, tenant};
    use crate::upstream::Fault;
    use crate::upstream::memory::Memory;

    const LIST: &str = "/v2025_1/apis/3.0/service/boards";
    const TEAMS: &str = "/v2025_1/apis/3.0/service/boards/1/teams";

    async fn list(fake: Fake) -> (Listing, usize) {
        let (connectwise, fake) = fake.connect();
        let tenant = tenant("v2025_1/");
        let company = company();
        let memory = connectwise.memory_of_check();
        let api = connectwise.api(&tenant, &company, &keys(), asker(&memory));
        let listing = api.list("boards", "service/boards", "").await.unwrap();
        (listing, fake.asked().len())
    }

    /// The second page, the third and so on, each naming its follower.
    fn pages(rows: usize, last: usize) -> Fake {
        let page = |n: usize| format!("{LIST}?page={n}");
        let reply = || Reply::ok(&json!(vec![1; rows]));
        let first = Fake::default().with(LIST, reply().then(&page(2)));
        (2..=last).fold(first, |fake, n| {
            let reply = if n == last { reply() } else { reply().then(&page(n + 1)) };
            fake.with(&page(n), reply)
        })
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end() {
        let (listing, calls) = list(pages(3, 4)).await;
        assert_eq!((listing.rows.len(), listing.complete, calls), (12, true, 4));
    }

    #[tokio::test]
    async fn a_list_without_end_is_cut_and_says_so() {
        let (listing, calls) = list(pages(1, 30)).await;
        assert_eq!((listing.rows.len(), listing.complete, calls), (MOST_PAGES, false, MOST_PAGES));
        let (listing, calls) = list(pages(5000, 4)).await;
        assert_eq!((listing.rows.len(), listing.complete, calls), (MOST_ROWS, false, 2));
    }

    #[tokio::test]
    async fn a_list_whose_rows_take_too_much_memory_is_cut_and_says_so() {
        let page = |n: usize| format!("{LIST}?page={n}");
        // Each page alone would do.
        let reply = || Reply::ok(&json!(vec![json!({"": 0}); 4000]));
        let fake = Fake::default().with(LIST, reply().then(&page(2)));
        let fake = fake.with(&page(2), reply().then(&page(3))).with(&page(3), reply().then(&page(4)));
        let (listing, calls) = list(fake).await;
        assert_eq!((listing.rows.len(), listing.complete, calls), (8000, false, 3));
    }

    // No sockets here: on a paused clock, waiting takes no time.
    #[tokio::test(start_paused = true)]
    async fn a_large_list_waits_for_a_place_until_its_check_ends() {
        let large = Reply::ok(&json!(vec![json!({"": 0}); 4000]));
        let small = Reply::ok(&json!([1]));
        let (connectwise, _) = Fake::default().with(LIST, large).with(TEAMS, small).connect();
        let (tenant, company) = (tenant("v2025_1/"), company());
        let list = async |memory: &Memory, route| {
            let api = connectwise.api(&tenant, &company, &keys(), asker(memory));
            api.list("boards", route, "").await.map(|listing| listing.rows.len())
        };
        let others: Vec<Memory> =
            (0..memory::ALL / memory::LARGE).map(|_| connectwise.memory_of_check()).collect();
        for other in &others {
            assert_eq!(list(other, "service/boards").await, Ok(4000));
        }
        let memory = connectwise.memory_of_check();
        assert_eq!(list(&memory, "service/boards").await, Err(NoAnswer::Fault(Fault::Timeout)));
        assert_eq!(list(&memory, "service/boards/1/teams").await, Ok(1), "a small list needs no place");
        drop(others);
        assert_eq!(list(&memory, "service/boards").await, Ok(4000));
    }

    #[tokio::test]
    async fn a_page_that_was_read_or_that_is_of_another_list_is_not_followed() {
        let row = || Reply::ok(&json!([1]));
        for next in
            [&format!("{LIST}?pageSize=1000"), "/v2025_1/apis/3.0/system/members?page=2", "/elsewhere", ""]
        {
            let (listing, calls) = list(Fake::default().with(LIST, row().then(next))).await;
            assert_eq!((listing.complete, calls), (false, 1), "{next}");
        }
    }
}
