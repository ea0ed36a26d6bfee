//! Names by RFC 1123, as Kubernetes requires them of its objects and DNS of its hosts.

/// Whether this is a DNS label, as the name of a namespace is: 1 to 63 lower-case letters, digits and hyphens, without a
/// hyphen at either end.
pub(crate) fn is_label(text: &str) -> bool {
    is_labelled(text, 63) && !text.contains('.')
}

/// Whether this is a DNS subdomain, as the names of most objects are: labels of any length, separated by dots, in all 1 to
/// 253 characters.
pub(crate) fn is_subdomain(text: &str) -> bool {
    is_labelled(text, 253)
}

/// Whether a label may contain this byte.
pub(crate) fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

fn is_labelled(text: &str, longest: usize) -> bool {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(is_label_byte) && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= longest && text.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_a_namespace_can_be_called() {
        for good in ["a", "0", "team-a", "kube-system", "1--2", &"a".repeat(63)] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "-a", "a-", "a.b", "A", "a_b", "a/b", "..", "ä", " a", &"a".repeat(64)] {
            assert!(!is_label(bad), "{bad}");
        }
    }

    #[test]
    fn a_subdomain_is_what_a_secret_can_be_called() {
        for good in ["a", "team-a", "acme.keys", "1.2.3", &"a".repeat(253)] {
            assert!(is_subdomain(good), "{good}");
        }
        for bad in ["", ".", "a..b", ".a", "a.", "a-.b", "a.-b", "../../b", "a/b", "A", "ä", &"a".repeat(254)]
        {
            assert!(!is_subdomain(bad), "{bad}");
        }
    }
}
