//! Tenants who mean harm, or who paste whatever they have: odd values end in a clear condition, what others wrote into a
//! status moves no link, and who asks without end gets no more than a share.

mod abuse;
mod forged;
mod identity;
mod secrets;
mod sites;
