//! What the process learns from where it runs.

/// What the process learns from where it runs, beside its flags.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `POD_NAMESPACE`.
    pub pod_namespace: Option<String>,
    /// `POD_NAME`, else `HOSTNAME`.
    pub pod_name: Option<String>,
    /// `POD_UID`: events about the pod are found by it.
    pub pod_uid: Option<String>,
    /// The namespace of the pod's service account, as the kubelet mounts it.
    pub service_account_namespace: Option<String>,
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let account = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
        Self {
            pod_namespace: variable("POD_NAMESPACE"),
            pod_name: variable("POD_NAME").or_else(|| variable("HOSTNAME")),
            pod_uid: variable("POD_UID"),
            service_account_namespace: std::fs::read_to_string(account)
                .ok()
                .map(|text| text.trim().to_owned()),
        }
    }
}
