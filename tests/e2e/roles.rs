//! Security roles against permission profiles: what is missing is named, what cannot be told accuses nobody, what is too
//! much is advice; and the operator's own profiles file.

mod advice;
mod allow_list;
mod boards;
mod own_profiles;
mod profiles_file;
mod tenants;
mod ticketing;
