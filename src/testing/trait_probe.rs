//! Which traits a type lacks, asked of the compiler: a derive that would show a key turns a test red.

/// Fails where the type has one of the traits: there the inherent constant hides the trait's.
macro_rules! lacks {
    ($type:ty: $($bound:path),+) => {
        $({
            #[allow(dead_code, reason = "hidden where the type has the trait")]
            trait Fallback {
                const HAS: bool = false;
            }
            impl<T: ?Sized> Fallback for T {}
            struct Probe<T: ?Sized>(std::marker::PhantomData<T>);
            #[allow(dead_code, reason = "used only where the type has the trait")]
            impl<T: ?Sized + $bound> Probe<T> {
                const HAS: bool = true;
            }
            assert!(!<Probe<$type>>::HAS, "{} is {}", stringify!($type), stringify!($bound));
        })+
    };
}

#[test]
fn what_a_type_has_is_seen() {
    lacks!(secrecy::SecretString: std::fmt::Display, serde::Serialize);
    let caught = std::panic::catch_unwind(|| lacks!(String: Clone));
    assert!(caught.is_err(), "a String can be cloned");
}
