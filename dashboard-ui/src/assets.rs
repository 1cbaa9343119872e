//! Style sheet, scripts, font and icon, compiled in. Their addresses change with their content, so that they can be cached
//! forever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::query::Base;

/// Where assets are.
pub(crate) const PREFIX: &str = "/assets/";

const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// For content requested under another name: during a deployment, another version of this program may have linked it.
const NOT_FOR_EVER: &str = "no-cache";

/// One file.
pub(crate) struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    source: &'static [u8],
}

pub(crate) static STYLE: Asset =
    Asset { stem: "app", extension: "css", content_type: CSS, source: include_bytes!("../assets/app.css") };
/// Runs before the page is shown, so that the wrong theme never flashes.
pub(crate) static THEME: Asset =
    Asset { stem: "theme", extension: "js", content_type: JS, source: include_bytes!("../assets/theme.js") };
pub(crate) static SCRIPT: Asset =
    Asset { stem: "app", extension: "js", content_type: JS, source: include_bytes!("../assets/app.js") };
/// Compressed together, they are a fifth lighter.
pub(crate) static CHARTS: Asset = Asset {
    stem: "charts",
    extension: "js",
    content_type: JS,
    source: concat!(
        include_str!("../assets/overlay.js"),
        include_str!("../assets/charts.js"),
        include_str!("../assets/heat.js")
    )
    .as_bytes(),
};
/// Runs in a worker that all tabs share.
pub(crate) static HUB: Asset =
    Asset { stem: "stream", extension: "js", content_type: JS, source: include_bytes!("../assets/stream.js") };
pub(crate) static FONT: Asset = Asset {
    stem: "inter",
    extension: "woff2",
    content_type: "font/woff2",
    source: include_bytes!("../assets/vendor/inter.woff2"),
};
pub(crate) static MORPH: Asset = Asset {
    stem: "idiomorph",
    extension: "js",
    content_type: JS,
    source: include_bytes!("../assets/vendor/idiomorph.min.js"),
};
pub(crate) static ICON: Asset = Asset {
    stem: "favicon",
    extension: "svg",
    content_type: "image/svg+xml",
    source: include_bytes!("../assets/favicon.svg"),
};

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

static ALL: [&Asset; 8] = [&STYLE, &THEME, &SCRIPT, &CHARTS, &HUB, &MORPH, &FONT, &ICON];

/// The bytes that are sent of each.
static CONTENTS: LazyLock<[Vec<u8>; 8]> = LazyLock::new(|| ALL.map(Asset::without_comments));

/// Identifies this build: a page whose stream comes from another release reloads.
pub(crate) static RELEASE: LazyLock<String> =
    LazyLock::new(|| format!("{:016x}", ALL.iter().fold(FNV_OFFSET, |hash, asset| fnv1a(hash, asset.content()))));

impl Asset {
    /// The asset's address.
    pub(crate) fn href(&self, base: Base) -> String {
        format!("{base}{PREFIX}{}", self.name())
    }

    fn name(&self) -> String {
        format!("{}.{:016x}.{}", self.stem, fnv1a(FNV_OFFSET, self.content()), self.extension)
    }

    fn content(&self) -> &'static [u8] {
        let position = ALL.into_iter().position(|asset| std::ptr::eq(asset, self));
        position.map_or(self.source, |position| &CONTENTS[position])
    }

    /// A script without indentation and lines of comments, a fifth of what it weighs.
    fn without_comments(&self) -> Vec<u8> {
        if self.content_type != JS {
            return self.source.to_vec();
        }
        let lines = self.source.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_start);
        lines.filter(|line| !line.starts_with(b"//")).collect::<Vec<_>>().join(&b'\n')
    }

    /// Whether a name is this asset's, with any hash or without one.
    fn answers_to(&self, name: &str) -> bool {
        name.strip_prefix(self.stem)
            .and_then(|rest| rest.strip_suffix(self.extension))
            .is_some_and(|hash| hash.starts_with('.') && hash.ends_with('.') && hash.matches('.').count() <= 2)
    }
}

/// `GET /assets/{name}`; `None` if there is no such asset.
pub(crate) async fn asset(Path(name): Path<String>) -> Option<Response> {
    let asset = ALL.into_iter().find(|asset| asset.answers_to(&name))?;
    let caching = if name == asset.name() { FOR_EVER } else { NOT_FOR_EVER };
    Some(([(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, caching)], asset.content()).into_response())
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a (Fowler, Noll, Vo): enough to tell versions of a file apart.
fn fnv1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv1a() {
        assert_eq!(fnv1a(FNV_OFFSET, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(FNV_OFFSET, b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn names_lead_to_their_asset() {
        for asset in ALL {
            let found: Vec<&[u8]> = ALL.iter().filter(|a| a.answers_to(&asset.name())).map(|a| a.content()).collect();
            assert_eq!(found, [asset.content()]);
        }
        assert!(STYLE.answers_to("app.css") && STYLE.answers_to("app.0123.css"));
        assert!(!STYLE.answers_to("app.a.b.css") && !STYLE.answers_to("appx.css") && !STYLE.answers_to("app"));
    }
}
