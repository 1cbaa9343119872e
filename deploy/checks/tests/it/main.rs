//! What is deployed, checked without a cluster: the manifests agree with each other and with the programs, the users of
//! the broker may do what the programs do, and the images are built from the same text.

mod alerts;
mod broker;
mod cluster;
mod compose;
mod doors;
mod images;
mod manifests;
mod mounted;
mod network;
mod programs;
mod scripts;
mod systemd;
mod token;
mod workloads;
