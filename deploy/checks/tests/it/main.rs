//! What is deployed, checked without a cluster: the manifests agree with each other and with the programs, the broker's users may
//! do what the programs do, and the images are built from one text.

mod alerts;
mod broker;
mod compose;
mod images;
mod manifests;
mod network;
mod programs;
mod workloads;
