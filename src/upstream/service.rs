//! The services that this operator calls.

/// The two services that this operator talks to. Also a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// ConnectWise PSA, wherever the tenant lives.
    ConnectWise,
    /// Petra Security.
    Petra,
}

impl Service {
    /// The name in metrics and logs.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ConnectWise => "connectwise",
            Self::Petra => "petra",
        }
    }
}
