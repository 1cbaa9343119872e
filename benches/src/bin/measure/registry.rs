//! Files that say of antennas all that can be said, and watch all that can be watched: what analytics does beside counting.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;

/// Antennas of a site: the first one is its uplink.
const AT_A_SITE: u32 = 100;

/// Files for settings; they go when this is dropped.
#[derive(Debug)]
pub(crate) struct Files {
    folder: TempDir,
}

impl Files {
    /// What is said of so many antennas, each by its exact id: names, sites, labels, places, parents, and thresholds of their own, by which
    /// they are as well as by those of all. Nobody is told of anything, but rules of the network are judged.
    pub(crate) fn of(antennas: u32) -> Result<Self> {
        let mut registry = "id,name,site,label:vendor,label:ring,latitude,longitude,parent,uplink,interval,\
                            degraded_success_rate,degraded_latency,raise_after,clear_after\n"
            .to_owned();
        for antenna in 0..antennas {
            let (site, ring, vendor) = (antenna / AT_A_SITE, antenna % 7, ["acme", "emca"][antenna as usize % 2]);
            let (latitude, longitude) = (f64::from(antenna % 180) - 90.0, f64::from(antenna % 360) - 180.0);
            let is_uplink = antenna.is_multiple_of(AT_A_SITE);
            let parent = if is_uplink { String::new() } else { format!("site:site {site:03}") };
            writeln!(
                registry,
                "antenna-{antenna:05},Antenna {antenna},site {site:03},{vendor},{ring},{latitude},{longitude},{parent},\
                 {is_uplink},5s,0.9,300ms,2,3"
            )?;
        }
        let mut alerts = "[[rule]]\nname = \"many down\"\ndown_share_above = 0.9\n\
                          [[rule]]\nname = \"success rate\"\nsuccess_rate_below = 0.1\n"
            .to_owned();
        for site in 0..antennas.div_ceil(AT_A_SITE).min(10) {
            let rule = "success_rate_below = 0.1";
            writeln!(alerts, "[[rule]]\nname = \"rate of {site}\"\n{rule}\nsite = \"site {site:03}\"")?;
        }
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("antennas.csv"), registry)?;
        std::fs::write(folder.path().join("alerts.toml"), alerts)?;
        Ok(Self { folder })
    }

    /// The settings that name them.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        let path = |name: &str| Path::new(self.folder.path()).join(name).display().to_string();
        [("ANTENNAS_FILE", path("antennas.csv")), ("ALERTS_FILE", path("alerts.toml"))]
    }
}
