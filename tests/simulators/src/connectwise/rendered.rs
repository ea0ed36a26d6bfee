//! Pages that were rendered before. A role has over a hundred rows, and a client asks for the same page again and again.
//!
//! A page follows from the request and from what its rows are made of. It is kept under all of that, so what is kept is
//! never out of date: another role, board or setting is another key.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, header};
use parking_lot::Mutex;

use super::errors::Refusal;
use crate::scenario::{Board, Role, Settings};
use crate::world::Caller;

/// The most bytes that are kept. Above that everything is rendered once more.
const MOST_BYTES: usize = 32 << 20;

/// A page as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) body: Bytes,
    /// The `Link` header; `None` where everything is on this page.
    pub(super) link: Option<HeaderValue>,
}

/// The request, and what the rows of any list are made of.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    host: Option<HeaderValue>,
    path_and_query: String,
    role: Arc<Role>,
    member: String,
    hidden_boards: Vec<String>,
    boards: Vec<Board>,
    settings: Settings,
}

impl Key {
    pub(super) fn of(parts: &Parts, caller: &Caller, settings: &Settings) -> Self {
        Self {
            host: parts.headers.get(header::HOST).cloned(),
            path_and_query: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            role: Arc::clone(&caller.role),
            member: caller.member.identifier.clone(),
            hidden_boards: caller.member.hidden_boards.clone(),
            boards: caller.boards.clone(),
            settings: settings.clone(),
        }
    }
}

/// The pages that are kept.
#[derive(Debug, Default)]
pub(super) struct Rendered(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    pages: HashMap<Key, Page>,
    bytes: usize,
}

impl Rendered {
    /// The page of a key, rendered where it is not there yet.
    ///
    /// # Errors
    /// What the rendering refuses; that is not kept.
    pub(super) fn page(
        &self,
        key: Key,
        render: impl FnOnce() -> Result<Page, Refusal>,
    ) -> Result<Page, Refusal> {
        if let Some(page) = self.kept(|kept| kept.pages.get(&key).cloned()) {
            return Ok(page);
        }
        let page = render()?;
        self.kept(|kept| kept.add(key, page.clone()));
        Ok(page)
    }

    fn kept<T>(&self, with: impl FnOnce(&mut Kept) -> T) -> T {
        with(&mut self.0.lock())
    }
}

impl Kept {
    fn add(&mut self, key: Key, page: Page) {
        if self.bytes + page.body.len() > MOST_BYTES {
            *self = Self::default();
        }
        self.bytes += page.body.len();
        if let Some(before) = self.pages.insert(key, page) {
            // Two requests rendered it at once.
            self.bytes -= before.body.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;
    use crate::world::{MemberChange, World};

    fn world() -> World {
        World::new(Scenario::demo(), 8443).expect("the demo scenario is valid")
    }

    fn key(world: &World, path: &str) -> Key {
        let request = http::Request::builder().uri(path).body(()).expect("the request is valid");
        let caller = world.caller("acme", "acme-public", "CANARY-acme-private").expect("the keys are good");
        Key::of(&request.into_parts().0, &caller, &world.settings())
    }

    fn page(bytes: usize) -> Page {
        Page { body: vec![b' '; bytes].into(), link: None }
    }

    #[test]
    fn the_same_request_is_rendered_once() {
        let (rendered, world) = (Rendered::default(), world());
        rendered.page(key(&world, "/a"), || Ok(page(1))).expect("it is rendered");
        let again = rendered.page(key(&world, "/a"), || Err(Refusal::EndpointMissing));
        assert_eq!(again, Ok(page(1)));
    }

    #[test]
    fn another_query_role_board_member_or_setting_is_another_page() {
        let world = world();
        let mut keys = vec![key(&world, "/a?page=1"), key(&world, "/a?page=2")];
        world.change_role("Petra", |role| role.unlisted.push("API Reports".to_owned())).expect("a role");
        keys.push(key(&world, "/a?page=1"));
        let change = MemberChange { hidden_boards: Some(Vec::new()), ..MemberChange::default() };
        world.change_member("acme", "petraapi", change).expect("a member");
        keys.push(key(&world, "/a?page=1"));
        world.set_boards("acme", Vec::new()).expect("a company");
        keys.push(key(&world, "/a?page=1"));
        world.set_settings(Settings { rows_per_table: 7, ..Settings::default() });
        keys.push(key(&world, "/a?page=1"));
        let rendered = Rendered::default();
        for (index, key) in keys.into_iter().enumerate() {
            assert_eq!(rendered.page(key, || Ok(page(index))), Ok(page(index)), "{index}");
        }
    }

    #[test]
    fn a_refusal_is_not_kept_and_neither_is_more_than_the_limit() {
        let (rendered, world) = (Rendered::default(), world());
        let refused = rendered.page(key(&world, "/a"), || Err(Refusal::PermissionDenied));
        assert_eq!(refused, Err(Refusal::PermissionDenied));
        for number in 0..5 {
            rendered.page(key(&world, &format!("/{number}")), || Ok(page(MOST_BYTES / 3))).expect("a page");
        }
        let bytes = rendered.kept(|kept| (kept.bytes, kept.pages.len()));
        assert_eq!(bytes, (MOST_BYTES / 3 * 2, 2));
    }
}
