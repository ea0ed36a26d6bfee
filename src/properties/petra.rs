//! Petra's bodies.

use crate::petra::wire;

/// Whatever the body is, what is read of it are closed types, no more than it has, and none of its free text.
///
/// # Panics
/// Where that does not hold.
pub fn body(body: &[u8]) {
    let page = wire::page(body);
    let (link, code, holder) = (wire::link(body), wire::code(body), wire::holder(body));
    let organization = wire::organization(body);
    super::tells_nothing(&format!("{page:?} {link:?} {code:?} {holder:?} {organization:?}"));
    if let Some(page) = page {
        assert!(page.links.len() + page.unreadable.len() <= body.len());
        assert!(
            page.next.is_none_or(
                |next| (1..=512).contains(&next.len()) && next.bytes().all(|b| b.is_ascii_graphic())
            )
        );
    }
}
